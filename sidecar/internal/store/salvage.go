package store

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
)

// salvage adds to a plan what is there of its partial entries, as it is. A certificate of which one file is
// damaged may still be of use by the others; and one of which the store does not know that it has it, since
// the manifest is lost, is in use all the same. Both stay until they were fetched again.
func (s *Store) salvage(p *plan) error {
	if s.current.name == "" {
		return nil
	}
	for _, e := range p.partial {
		link := e.LinkName
		for _, name := range []string{link, versioned(e.FileName, e.Version), link + splitSuffix, link + pkcs12Suffix, link + jksSuffix} {
			if err := s.carry(p, name); err != nil {
				return err
			}
		}
	}
	slices.Sort(p.manifest.AsIs)
	return nil
}

// carry adds a name of the current generation to a plan, with what it contains or leads to.
func (s *Store) carry(p *plan, name string) error {
	if p.nodes[name] != nil || checkName(path.Base(name)) != nil {
		return nil //nolint:nilerr // the name is in the plan, or was never made
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
		p.keepAsIs(name, &node{kind: fileNode, from: name, asIs: true})
	case fs.ModeSymlink:
		target := s.fs.readlink(full)
		p.keepAsIs(name, &node{kind: linkNode, target: target})
		if target == path.Base(target) {
			return s.carry(p, target)
		}
	case fs.ModeDir:
		p.keepAsIs(name, &node{kind: dirNode})
		return s.carryAll(p, name)
	}
	return nil
}

// carryAll adds what is in a directory.
func (s *Store) carryAll(p *plan, dir string) error {
	children, err := s.fs.list(path.Join(s.current.name, dir))
	if err != nil {
		return err
	}
	for _, child := range children {
		if err := s.carry(p, path.Join(dir, child.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) keepAsIs(name string, n *node) {
	p.nodes[name] = n
	p.manifest.AsIs = append(p.manifest.AsIs, name)
}
