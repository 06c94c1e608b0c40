package store

import (
	"os"
	"path"
	"path/filepath"
)

// isStoreLink reports whether a name in the store's directory is a link that the store created.
func (s *Store) isStoreLink(name string) bool {
	return s.fs.readlink(name) == path.Join(dataLink, name)
}

// missingLinks returns the top-level names that have no link yet. It returns an error if a name is
// taken by something that the store did not create.
func (s *Store) missingLinks(p *plan) (missing []string, err error) {
	for _, name := range p.topLevelNames() {
		switch {
		case s.isStoreLink(name):
		case s.fs.exists(name):
			return nil, &Error{Reason: Conflict, Op: "link", Path: filepath.Join(s.fs.dir, name), Err: os.ErrExist,
				Remedy: "remove or rename it: certificate sync replaces only what it created itself"}
		default:
			missing = append(missing, name)
		}
	}
	return missing, nil
}

func (s *Store) createLinks(names []string) error {
	for _, name := range names {
		if err := s.fs.symlink(path.Join(dataLink, name), name); err != nil {
			return err
		}
	}
	return nil
}
