package store

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
)

// settle decides for each carried file whether it can be linked, and reads it where it has to be copied.
func (s *Store) settle(p *plan) (warnings []string, err error) {
	for _, n := range p.nodes {
		if n.kind != fileNode {
			continue
		}
		if !n.asIs && n.access.wantsACL() && !s.acl && warnings == nil {
			warnings = []string{fmt.Sprintf("the volume of %s has no POSIX ACLs, so files that only some users "+
				"were to read have mode %04o", s.fs.dir, openMode)}
		}
		n.perm = n.access.perm(s.acl)
		if n.from == "" {
			continue
		}
		if err := s.settleCarried(n); err != nil {
			return nil, err
		}
		if !n.linked && n.data == nil {
			if err := s.load(n); err != nil {
				return nil, err
			}
		}
	}
	return warnings, nil
}

func (s *Store) settleCarried(n *node) error {
	from := path.Join(s.current.name, n.from)
	file, err := s.fs.root.Open(from)
	if err == nil {
		defer file.Close() // nothing was written through it
		if n.asIs {
			n.perm, err = permOf(file)
		}
	}
	if err != nil {
		return fileError("open", filepath.Join(s.fs.dir, from), err)
	}
	n.linked = n.asIs || n.perm.matches(file)
	return nil
}

// load reads the content of a carried file.
func (s *Store) load(n *node) error {
	from := path.Join(s.current.name, n.from)
	data, err := s.fs.read(from, maxFileBytes)
	if err == nil && n.sum != "" && sum(data) != n.sum {
		err = errors.New("the content has changed")
	}
	if err != nil {
		return fileError("read", filepath.Join(s.fs.dir, from), err)
	}
	n.data = data
	return nil
}

// build is step 4.
func (s *Store) build(name string, p *plan) error {
	if err := s.fs.mkdir(name); err != nil {
		return err
	}
	var dirs []string
	// In the order of names a directory comes before what is in it.
	for _, child := range slices.Sorted(maps.Keys(p.nodes)) {
		n, full := p.nodes[child], path.Join(name, child)
		var err error
		switch n.kind {
		case dirNode:
			dirs = append(dirs, full)
			err = s.fs.mkdir(full)
		case linkNode:
			err = s.fs.symlink(n.target, full)
		case fileNode:
			err = s.place(full, n)
		}
		if err != nil {
			return err
		}
	}
	data, err := p.manifest.encode()
	if err != nil {
		return fileError("encode", manifestName, err)
	}
	if err := s.fs.create(path.Join(name, manifestName), data, perm{mode: 0o600}); err != nil {
		return err
	}
	for _, dir := range append(dirs, name) {
		if err := s.fs.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// place carries a file forward or writes it. Where the file system refuses a hard link, it is copied.
func (s *Store) place(full string, n *node) error {
	if n.linked {
		if s.fs.link(path.Join(s.current.name, n.from), full) == nil {
			return nil
		}
		if n.data == nil {
			if err := s.load(n); err != nil {
				return err
			}
		}
	}
	return s.fs.create(full, n.data, n.perm)
}
