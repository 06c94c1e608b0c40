package store

import (
	"os"
	"path"
	"path/filepath"
)

// isOurs says whether a name in the store's directory is a link that the store made.
func (s *Store) isOurs(name string) bool { return s.fs.readlink(name) == path.Join(dataLink, name) }

// missingLinks returns the top-level names that have no link yet, and an error where something that
// the store did not make has one of them.
func (s *Store) missingLinks(p *plan) (missing []string, err error) {
	for _, name := range p.top() {
		switch {
		case s.isOurs(name):
		case s.fs.exists(name):
			return nil, &Error{Reason: Conflict, Op: "link", Path: filepath.Join(s.fs.dir, name), Err: os.ErrExist,
				Do: "remove or rename it; it was not made by certificate sync, which leaves it alone"}
		default:
			missing = append(missing, name)
		}
	}
	return missing, nil
}

func (s *Store) makeLinks(names []string) error {
	for _, name := range names {
		if err := s.fs.symlink(path.Join(dataLink, name), name); err != nil {
			return err
		}
	}
	return nil
}
