package store

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// The links through which applications reach a generation. A file or a link at the top of a
// generation has one link in the store's directory:
//
//	v.a -> ..data/v.a
//
// A directory of a generation has a view: a directory that looks like a Kubernetes Secret volume,
// so that a program that watches it sees the same as there. All its paths go through the "..data"
// of the store, so one swap still changes everything:
//
//	v.a.d/tls.crt -> ..data/tls.crt
//	v.a.d/..data  -> ../..data/v.a.d
const (
	dataLink = "..data"
	// dataTemp is the name of the new dataLink before it is renamed.
	dataTemp = "..data_tmp"
	// linkTemp is the name of a link that replaces another one, and viewTemp that of a view, before
	// they are renamed.
	linkTemp = "..link_tmp"
	viewTemp = "..view_tmp"
)

// targetOf returns the target of the link with a name.
func targetOf(name string) string {
	dir, base := path.Split(name)
	if dir != "" && base == dataLink {
		return path.Join("..", dataLink, dir)
	}
	return path.Join(dataLink, base)
}

// isStoreLink reports whether a name is a link that the store created.
func (s *Store) isStoreLink(name string) bool { return s.fs.readlink(name) == targetOf(name) }

// isView reports whether a name is a view that the store created.
func (s *Store) isView(name string) bool { return s.isStoreLink(path.Join(name, dataLink)) }

// inTheWay is the function of type inTheWay for this directory.
func (s *Store) inTheWay(e Entry, name string, _ nodeKind) (adopt bool, err error) {
	switch parent := path.Dir(name); {
	case s.refused[name] != nil:
		return false, s.refused[name]
	case parent != "." && !s.isView(parent), s.isStoreLink(name), s.isView(name), !s.fs.exists(name):
		return false, nil
	}
	extension := s.isExtensions(e, name)
	if extension && s.options.Adopt {
		return true, nil
	}
	taken := &Error{Reason: Conflict, Op: "link", Path: filepath.Join(s.fs.dir, name), Err: os.ErrExist,
		Remedy: "remove or rename it: certificate sync replaces only what it created itself"}
	if extension && s.options.Private {
		taken.Remedy = "it belongs to the Key Vault VM extension: remove the extension, and start certsync with --host --adopt"
	}
	return false, taken
}

// linkChanges are the names in the store's directory that a plan needs and that have no link yet,
// in the order in which they are created.
type linkChanges struct {
	// missing do not exist. They are created before the swap.
	missing []string
	// replaced are links of the extension, and names that change between link and view. They are
	// replaced after the swap, when the new ones do not dangle any more.
	replaced []string
}

// planLinks returns the changes of links that a plan needs. It returns a warning for the file of a
// version whose name is taken: applications find the version by another name.
func (s *Store) planLinks(p *plan) (c linkChanges, warnings []string) {
	for _, name := range p.publicNames() {
		top := topLevel(name)
		ready := s.isStoreLink(name)
		if p.isView(name) {
			ready = s.isView(name)
		}
		switch {
		case ready:
		case name != top && !s.isView(top): // created with the view
		case s.refused[name] == nil && !s.fs.exists(name):
			c.missing = append(c.missing, name)
		case p.adopted[name], name == top && (s.isStoreLink(name) || s.isView(name)):
			c.replaced = append(c.replaced, name)
		case p.blocked[p.owners[top]] != nil: // has the reason
		case s.refused[name] != nil:
			warnings = append(warnings, s.refused[name].Error())
		case !s.options.Adopt || p.nodes[name].kind != fileNode: // not the file of a version that the extension created
			warnings = append(warnings, filepath.Join(s.fs.dir, name)+" exists, and the store did not create it: remove or rename it")
		}
	}
	return c, warnings
}

// isView reports whether a name needs a view.
func (p *plan) isView(name string) bool {
	return name == topLevel(name) && p.nodes[name].kind == dirNode
}

// publicNames returns the names of all links and views, sorted.
func (p *plan) publicNames() (names []string) {
	for name := range p.nodes {
		if strings.Count(name, "/") <= 1 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// createMissing creates links and views. If the file system refuses one of them, it records that in
// refused and returns errRefused.
func (s *Store) createMissing(p *plan) error {
	refused := false
	for _, name := range p.links.missing {
		err := s.createName(name, p)
		if err != nil && !isRefusal(err) {
			return err
		}
		if err != nil {
			s.refused[name], refused = err, true
		}
	}
	if refused {
		return errRefused
	}
	return nil
}

// errRefused means that the commit must be planned again, without the names in refused.
var errRefused = errors.New("the file system refuses names")

// isRefusal reports whether an error is about one name, and not about the whole directory.
func isRefusal(err error) bool {
	return slices.ContainsFunc([]error{
		syscall.EPERM, syscall.EACCES, syscall.EEXIST, syscall.ENOTEMPTY, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG,
		syscall.EINVAL, syscall.EILSEQ, syscall.ELOOP,
	}, func(refusal error) bool { return errors.Is(err, refusal) })
}

func (s *Store) createName(name string, p *plan) error {
	if p.isView(name) {
		return s.createView(name, p)
	}
	return s.fs.symlink(targetOf(name), name)
}

// createView creates a view under a temporary name and renames it: what has the name of a view is
// always complete enough to be recognised after a crash.
func (s *Store) createView(name string, p *plan) error {
	if err := s.fs.mkdir(viewTemp); err != nil {
		return err
	}
	if err := s.fs.symlink(targetOf(path.Join(name, dataLink)), path.Join(viewTemp, dataLink)); err != nil {
		return err
	}
	for _, child := range p.publicNames() {
		if base, ok := strings.CutPrefix(child, name+"/"); ok {
			if err := s.fs.symlink(targetOf(child), path.Join(viewTemp, base)); err != nil {
				return err
			}
		}
	}
	if err := s.fs.syncDir(viewTemp); err != nil {
		return err
	}
	return s.fs.rename(viewTemp, name)
}

// replaceLinks replaces the links of the extension, and what changes between link and view, and
// records what fails in blocked.
func (s *Store) replaceLinks(p *plan) {
	for _, name := range p.links.replaced {
		if err := s.replaceName(name, p); err != nil {
			p.blocked[p.owners[topLevel(name)]] = err
		}
	}
}

func (s *Store) replaceName(name string, p *plan) error {
	if p.adopted[name] {
		return s.adopt(name)
	}
	remove := s.fs.remove
	if s.isView(name) {
		remove = s.removeView
	}
	if err := remove(name); err != nil {
		return err
	}
	return s.createName(name, p)
}

// replaceLink replaces what has the name by the store's link, in one step.
func (s *Store) replaceLink(name string) error {
	if err := s.fs.remove(linkTemp); err != nil {
		return err
	}
	if err := s.fs.symlink(targetOf(name), linkTemp); err != nil {
		return err
	}
	return s.fs.rename(linkTemp, name)
}

// removeView removes a view. If it contains files that the store did not create, the view stays
// with them.
func (s *Store) removeView(name string) error {
	children, err := s.fs.list(name)
	if err != nil {
		return err
	}
	for _, child := range children {
		if full := path.Join(name, child.Name()); !s.isStoreLink(full) {
			return &Error{Reason: Conflict, Op: "remove", Path: filepath.Join(s.fs.dir, full), Err: syscall.ENOTEMPTY,
				Remedy: "move it elsewhere: the store did not create it, so it keeps the directory"}
		}
	}
	// Under the other name, it is also removed after a crash in between.
	if err := s.fs.rename(name, viewTemp); err != nil {
		return err
	}
	return s.fs.removeTree(viewTemp)
}
