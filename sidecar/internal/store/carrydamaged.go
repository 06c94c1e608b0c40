package store

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
)

// carryDamaged adds the existing files of the plan's incomplete entries to the plan, unchanged. If
// one file of a certificate is damaged, the others may still be useful. If the manifest is lost,
// the store does not know which certificates it has, but applications still use them. The files
// stay until the certificate is fetched again.
func (s *Store) carryDamaged(p *plan) error {
	if s.current.name == "" {
		return nil
	}
	for _, e := range p.incomplete {
		for _, name := range append(publicNames(e.LinkName, allFormats), versioned(e.FileName, e.Version)) {
			if err := s.carryAsIs(p, name); err != nil {
				return err
			}
		}
	}
	slices.Sort(p.manifest.AsIs)
	return nil
}

// carryAsIs adds a name of the current generation to a plan, together with the target of a link or
// the contents of a directory.
func (s *Store) carryAsIs(p *plan, name string) error {
	if p.nodes[name] != nil || checkName(path.Base(name)) != nil {
		return nil //nolint:nilerr // the plan has the name already, or the store cannot have created it
	}
	full := path.Join(s.current.name, name)
	info, err := s.fs.root.Lstat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fileError("stat", filepath.Join(s.fs.dir, full), err)
	}
	switch info.Mode().Type() {
	case 0:
		p.putAsIs(name, &node{kind: fileNode, from: name, keepPerm: true})
	case fs.ModeSymlink:
		target := s.fs.readlink(full)
		p.putAsIs(name, &node{kind: linkNode, target: target})
		if target == path.Base(target) {
			return s.carryAsIs(p, target)
		}
	case fs.ModeDir:
		p.putAsIs(name, &node{kind: dirNode})
		return s.carryDirAsIs(p, name)
	}
	return nil
}

// carryDirAsIs adds the contents of a directory.
func (s *Store) carryDirAsIs(p *plan, dir string) error {
	children, err := s.fs.list(path.Join(s.current.name, dir))
	if err != nil {
		return err
	}
	for _, child := range children {
		if err := s.carryAsIs(p, path.Join(dir, child.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) putAsIs(name string, n *node) {
	p.nodes[name] = n
	p.manifest.AsIs = append(p.manifest.AsIs, name)
}
