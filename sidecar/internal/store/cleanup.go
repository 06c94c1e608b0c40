package store

import (
	"path"
	"slices"
	"time"
)

// Replaced generations stay for readerGracePeriod, but not more than maxReplaced of them.
const (
	readerGracePeriod = 10 * time.Second
	maxReplaced       = 8
)

// markReplaced records that a generation was just replaced and may still have readers.
func (s *Store) markReplaced(name string) {
	s.expireReplaced()
	if name != "" {
		s.replaced = append(s.replaced, name)
		s.replaced = s.replaced[max(0, len(s.replaced)-maxReplaced):]
	}
	s.replacedAt, s.cleanUpPending = time.Now(), true
}

// expireReplaced releases the replaced generations for removal after the grace period.
func (s *Store) expireReplaced() {
	if time.Since(s.replacedAt) >= s.gracePeriod {
		s.replaced = nil
	}
}

// cleanUp removes all generations except the current one and those in s.replaced, and dangling
// top-level links. It returns a warning for everything that it cannot remove.
func (s *Store) cleanUp() (warnings []string) {
	if !s.cleanUpPending {
		return nil
	}
	warn := func(err error) {
		if err != nil {
			warnings = append(warnings, "cannot remove old files from the store: "+err.Error())
		}
	}
	entries, err := s.fs.list(".")
	warn(err)
	for _, e := range entries {
		name := e.Name()
		switch {
		case name == dataTemp:
			warn(s.fs.remove(name))
		case generationNumber(name) > 0:
			if name != s.current.name && !slices.Contains(s.replaced, name) {
				warn(s.fs.removeTree(name))
			}
		case s.isStoreLink(name) && (s.current.name == "" || !s.fs.exists(path.Join(s.current.name, name))):
			warn(s.fs.remove(name))
		}
	}
	s.cleanUpPending = len(s.replaced) > 0 || len(warnings) > 0
	return warnings
}
