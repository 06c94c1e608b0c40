package store

import (
	"encoding/json"
	"io/fs"
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
