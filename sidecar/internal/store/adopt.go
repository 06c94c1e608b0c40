package store

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"syscall"
)

// extensionFile is what follows "<vault>.<name>." in the name of a file of the Key Vault VM
// extension: the version of the secret and, in version 4, ".pem." or ".keyid." and a timestamp.
var extensionFile = regexp.MustCompile(`^[0-9A-Fa-f]{32}(\.[0-9A-Za-z_-]+){0,3}$`)

// isExtensions reports whether the Key Vault VM extension created what has the name: a link that
// leads to a file of the entry's certificate in the same directory or, for the metadata of version
// 4, a file.
func (s *Store) isExtensions(e Entry, name string) bool {
	if name == e.LinkName+SuffixMetadata {
		info, err := s.fs.root.Lstat(name)
		return err == nil && info.Mode().IsRegular() && s.isExtensionsBeside(e)
	}
	return s.leadsToExtensionsFile(e, name)
}

// isExtensionsBeside reports whether the metadata of an entry belongs to the extension: the chain
// and the key beside it do, or did until they were adopted.
func (s *Store) isExtensionsBeside(e Entry) bool {
	for _, suffix := range []string{SuffixChain, SuffixKey} {
		name := e.LinkName + suffix
		if !s.leadsToExtensionsFile(e, name) && !s.isStoreLink(name) {
			return false
		}
	}
	return true
}

func (s *Store) leadsToExtensionsFile(e Entry, name string) bool {
	target := s.fs.readlink(name)
	dir, base := path.Split(target)
	if dir != "" && path.Clean(dir) != "." && path.Clean(dir) != path.Clean(s.fs.dir) {
		return false
	}
	prefix := e.FileName + "."
	// Names of vaults and certificates are equal in any case.
	return len(base) > len(prefix) && strings.EqualFold(base[:len(prefix)], prefix) && extensionFile.MatchString(base[len(prefix):])
}

// adoptedSuffix is appended to the name of a file, not a link, that the extension created and the
// store replaces.
const adoptedSuffix = ".extension"

// adopt replaces what the extension created by the store's link, in one step: a reader finds the
// one or the other. The files that the extension's links lead to stay. A file gets another name.
func (s *Store) adopt(name string) error {
	if s.fs.readlink(name) == "" {
		if err := s.fs.link(name, name+adoptedSuffix); err != nil && !errors.Is(err, syscall.EEXIST) {
			return err
		}
	}
	return s.replaceLink(name)
}

// Standing is what is at a name that a certificate needs.
type Standing struct {
	// Path is the full path.
	Path string
	// Target is the target of a link.
	Target string
	// Adopts means that a Commit replaces it. Otherwise Err is why a Commit cannot use the name.
	Adopts bool
	Err    error
}

// Survey returns what is in the way of a certificate with this file name, link name and formats,
// and what a Commit would adopt. It changes nothing, and the store may be open elsewhere. A
// directory that does not exist is not in the way.
func Survey(dir string, o Options, fileName, link string, formats []string) ([]Standing, error) {
	s, err := openRoot(dir, o)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.fs.root.Close() }() // only read, so an error does not matter
	var found []Standing
	for _, name := range publicNames(link, formats) {
		adopts, err := s.inTheWay(Entry{FileName: fileName, LinkName: link}, name, fileNode)
		if adopts || err != nil {
			found = append(found, Standing{Path: path.Join(dir, name), Target: s.fs.readlink(name), Adopts: adopts, Err: err})
		}
	}
	return found, nil
}
