package store

import (
	"errors"
	"maps"
	"path"
	"path/filepath"
	"slices"
)

// prepareFiles sets the permissions of the plan's files, decides which carried files can be linked,
// and reads those that have to be copied.
func (s *Store) prepareFiles(p *plan) (warnings []string, err error) {
	for name, n := range p.nodes {
		if n.kind != fileNode {
			continue
		}
		if !n.keepPerm && n.access.needsACL() && !s.acl && warnings == nil {
			warnings = []string{s.noACLWarning()}
		}
		n.perm = s.perm(n.access)
		if n.from == "" {
			continue
		}
		n.renew = n.renew || n.from != name
		if err := s.prepareCarried(n); err != nil {
			return nil, err
		}
		if !n.linked && n.data == nil {
			if err := s.readCarried(n); err != nil {
				return nil, err
			}
		}
	}
	return warnings, nil
}

// prepareCarried decides whether a carried file can be linked, and reads the permissions that it
// keeps.
func (s *Store) prepareCarried(n *node) error {
	from := path.Join(s.current.name, n.from)
	file, err := s.fs.root.Open(from)
	if err == nil {
		defer file.Close() // only read, so an error does not matter
		if n.keepPerm {
			n.perm, err = permOf(file)
		}
	}
	if err != nil {
		return fileError("open", filepath.Join(s.fs.dir, from), err)
	}
	n.linked = !n.renew && (n.keepPerm || n.perm.matches(file))
	return nil
}

// readCarried reads the content of a carried file.
func (s *Store) readCarried(n *node) error {
	from := path.Join(s.current.name, n.from)
	data, err := s.fs.read(from)
	if err == nil && n.sum != "" && sum(data) != n.sum {
		err = errors.New("the content has changed")
	}
	if err != nil {
		return fileError("read", filepath.Join(s.fs.dir, from), err)
	}
	n.data = data
	return nil
}

// writeGeneration does step 4 of commit.
func (s *Store) writeGeneration(name string, p *plan) error {
	if err := s.fs.mkdir(name); err != nil {
		return err
	}
	dirs, err := s.writeNodes(name, p)
	if err != nil {
		return err
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

// writeNodes creates the nodes of a plan and returns the directories among them.
func (s *Store) writeNodes(name string, p *plan) (dirs []string, err error) {
	// In sorted order, a directory comes before its contents.
	for _, child := range slices.Sorted(maps.Keys(p.nodes)) {
		n, full := p.nodes[child], path.Join(name, child)
		switch n.kind {
		case dirNode:
			dirs = append(dirs, full)
			err = s.fs.mkdir(full)
		case linkNode:
			err = s.fs.symlink(n.target, full)
		case fileNode:
			err = s.linkOrWrite(full, n)
		}
		if err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

// linkOrWrite carries a file forward by hard link, or writes it. If the file system refuses the
// link, it copies the file.
func (s *Store) linkOrWrite(full string, n *node) error {
	if n.linked {
		if s.fs.link(path.Join(s.current.name, n.from), full) == nil {
			return nil
		}
		if n.data == nil {
			if err := s.readCarried(n); err != nil {
				return err
			}
		}
	}
	return s.fs.create(full, n.data, n.perm)
}
