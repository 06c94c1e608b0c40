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

// manifestName is the file in each generation that describes its contents. File names are not
// enough: without the "pem" format, no file name contains the version, and a name does not show
// whether the file is complete. The manifest contains no secrets, and no link leads to it.
const manifestName = ".certsync.json"

// maxFileBytes limits the size of a file that the store reads. A whole volume has 16 MiB.
const maxFileBytes = 4 << 20

// Installed is the actual state of one certificate in the store.
type Installed struct {
	FileName string `json:"fileName"`
	LinkName string `json:"linkName"`
	Version  string `json:"version"`
	// Previous is the version before, if its file still exists.
	Previous string `json:"previous,omitempty"`
	// Formats are the formats in the store, with the names and in the order of
	// contract.Certificate.
	Formats []string `json:"formats"`
	Leaf    Leaf     `json:"leaf"`
}

// Leaf describes a leaf certificate.
type Leaf struct {
	// Fingerprint is the SHA-256 digest of the certificate in hexadecimal digits.
	Fingerprint string    `json:"fingerprint"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
}

// includes reports whether a file of the generation belongs to the current version of the
// certificate.
func (c Installed) includes(name string) bool {
	if slices.Contains(c.Formats, contract.FormatPEM) && name == versioned(c.FileName, c.Version) {
		return true
	}
	top, _, _ := strings.Cut(name, "/")
	return top != c.LinkName && slices.Contains(publicNames(c.LinkName, c.Formats), top)
}

// manifest describes the contents of a generation.
type manifest struct {
	Certificates []Installed `json:"certificates"` // sorted by link name
	// Files are the SHA-256 digests of all files, by their names in the generation.
	Files map[string]string `json:"files"`
	// AsIs are the sorted names of damaged or unlisted files, links and directories that were kept.
	AsIs []string `json:"asIs,omitempty"`
}

func (m manifest) encode() ([]byte, error) { return json.MarshalIndent(m, "", "  ") }

// generation is a published directory, reduced to the certificates whose files are intact.
type generation struct {
	name     string // empty if nothing is published
	manifest manifest
	ids      map[string]fileID // of the intact files, including the manifest
	damaged  bool              // at least one file is not intact
}

// fileID identifies the state of a file: it changes if someone changes or replaces the file.
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

// find returns an installed certificate with the entry's version, preferably one with the same link
// name.
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

// byLink returns the installed certificate with this link name.
func (g *generation) byLink(name string) (Installed, bool) {
	i := slices.IndexFunc(g.manifest.Certificates, func(c Installed) bool { return c.LinkName == name })
	if i < 0 {
		return Installed{}, false
	}
	return g.manifest.Certificates[i], true
}
