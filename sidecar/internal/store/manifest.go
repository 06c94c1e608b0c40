package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// manifestName is a file in each generation that says what is in it. Names alone do not: without the
// "pem" format no file name has the version, and a reader of the directory cannot tell whether a file
// is whole. It holds nothing secret, and no link leads to it.
const manifestName = ".certsync.json"

// maxFileBytes bounds what is read back; a volume is 16 MiB in all.
const maxFileBytes = 4 << 20

// Installed is one certificate as it is in the store.
type Installed struct {
	FileName string `json:"fileName"`
	LinkName string `json:"linkName"`
	Version  string `json:"version"`
	// Previous is the version before, where its file is still there.
	Previous string `json:"previous,omitempty"`
	// Formats are those that are there, named and in the order as in contract.Certificate.
	Formats []string `json:"formats"`
	Leaf    Leaf     `json:"leaf"`
}

// Leaf describes a leaf certificate.
type Leaf struct {
	// Fingerprint is its SHA-256 digest in hexadecimal digits.
	Fingerprint string    `json:"fingerprint"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
}

// versioned is the name of a version's PEM file.
func versioned(fileName, version string) string { return fileName + "." + version }

// Suffixes of the link name.
const (
	splitSuffix  = ".d"
	pkcs12Suffix = ".p12"
	jksSuffix    = ".jks"
)

// owns says whether a file of the generation belongs to the current version of the certificate.
func (c Installed) owns(name string) bool {
	for _, format := range c.Formats {
		switch format {
		case contract.FormatPEM:
			if name == versioned(c.FileName, c.Version) {
				return true
			}
		case contract.FormatSplit:
			if strings.HasPrefix(name, c.LinkName+splitSuffix+"/") {
				return true
			}
		case contract.FormatPKCS12:
			if name == c.LinkName+pkcs12Suffix {
				return true
			}
		case contract.FormatJKS:
			if name == c.LinkName+jksSuffix {
				return true
			}
		}
	}
	return false
}

// manifest is what a generation has in it.
type manifest struct {
	Certificates []Installed `json:"certificates"` // by link name
	// Files has the SHA-256 digest of every file, by its name in the generation.
	Files map[string]string `json:"files"`
	// AsIs are names of what was kept although it was not whole, or not known; sorted.
	AsIs []string `json:"asIs,omitempty"`
}

func (m manifest) encode() ([]byte, error) { return json.MarshalIndent(m, "", "  ") }

// generation is a published directory, as far as what is in it was found to be whole.
type generation struct {
	name     string // empty: nothing is published
	manifest manifest
	ids      map[string]fileID // of the files that are whole, the manifest's included
	damaged  bool              // something was not
}

// fileID changes when someone else changes or replaces a file.
type fileID struct {
	inode uint64
	size  int64
	mtime time.Time
}

func idOf(info fs.FileInfo) fileID {
	id := fileID{size: info.Size(), mtime: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.inode = st.Ino
	}
	return id
}

// find returns the installed certificate that has the entry's version, under its own link name if it can be.
func (g *generation) find(e Entry) (Installed, bool) {
	var found Installed
	ok := false
	for _, c := range g.manifest.Certificates {
		if c.FileName == e.FileName && c.Version == e.Version && (!ok || c.LinkName == e.LinkName) {
			found, ok = c, true
		}
	}
	return found, ok
}

// byLink returns what the link leads to.
func (g *generation) byLink(name string) (Installed, bool) {
	i := slices.IndexFunc(g.manifest.Certificates, func(c Installed) bool { return c.LinkName == name })
	if i < 0 {
		return Installed{}, false
	}
	return g.manifest.Certificates[i], true
}

// load reads a generation back. What is damaged is left out, and named in the warnings.
func (f *fsys) load(name string) (generation, []string) {
	g := generation{name: name}
	data, err := f.read(path.Join(name, manifestName), maxFileBytes)
	if err == nil {
		err = json.Unmarshal(data, &g.manifest)
	}
	if err != nil {
		g.manifest, g.damaged = manifest{}, true
		return g, []string{"what is in the store cannot be told, so every certificate is fetched again: " +
			manifestName + " is missing or damaged"}
	}
	f.identify(&g)
	for file, want := range g.manifest.Files {
		if sum, err := f.digest(path.Join(name, file)); err != nil || sum != want {
			delete(g.ids, file)
		}
	}
	return g, f.dropDamaged(&g)
}

// identify notes the files of a generation as they are now.
func (f *fsys) identify(g *generation) {
	g.ids = make(map[string]fileID)
	for _, file := range append(slices.Collect(maps.Keys(g.manifest.Files)), manifestName) {
		if info, err := f.root.Lstat(path.Join(g.name, file)); err == nil {
			g.ids[file] = idOf(info)
		}
	}
}

// refresh leaves out what someone else removed or changed since.
func (f *fsys) refresh(g *generation) []string {
	for file, id := range g.ids {
		info, err := f.root.Lstat(path.Join(g.name, file))
		if err == nil && idOf(info) == id {
			continue
		}
		delete(g.ids, file)
		if sum, digestErr := f.digest(path.Join(g.name, file)); err == nil && digestErr == nil && sum == g.manifest.Files[file] {
			g.ids[file] = idOf(info)
		}
	}
	return f.dropDamaged(g)
}

// dropDamaged leaves out every certificate of which a file is not in g.ids, or whose link is wrong.
func (f *fsys) dropDamaged(g *generation) (warnings []string) {
	damaged := func(c Installed) bool {
		for file := range g.manifest.Files {
			if _, whole := g.ids[file]; !whole && c.owns(file) {
				return true
			}
		}
		return slices.Contains(c.Formats, contract.FormatPEM) &&
			f.readlink(path.Join(g.name, c.LinkName)) != versioned(c.FileName, c.Version)
	}
	g.manifest.Certificates = slices.DeleteFunc(g.manifest.Certificates, func(c Installed) bool {
		if !damaged(c) {
			return false
		}
		warnings = append(warnings, fmt.Sprintf("%s: version %s in the store is damaged, it is fetched again", c.LinkName, c.Version))
		return true
	})
	for i := range g.manifest.Certificates {
		c := &g.manifest.Certificates[i]
		if _, whole := g.ids[versioned(c.FileName, c.Previous)]; !whole {
			c.Previous = ""
		}
	}
	for file := range g.manifest.Files {
		if _, whole := g.ids[file]; !whole {
			delete(g.manifest.Files, file)
			g.damaged = true
		}
	}
	if _, whole := g.ids[manifestName]; g.name != "" && !whole || len(warnings) > 0 {
		g.damaged = true
	}
	return warnings
}

// read returns a whole file, and an error where it is longer than limit.
func (f *fsys) read(name string, limit int64) ([]byte, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() // nothing was written through it
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("longer than %d bytes", limit)
	}
	return data, err
}

// digest returns the SHA-256 digest of a regular file.
func (f *fsys) digest(name string) (string, error) {
	info, err := f.root.Lstat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fs.ErrInvalid
	}
	file, err := f.root.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close() // nothing was written through it
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
