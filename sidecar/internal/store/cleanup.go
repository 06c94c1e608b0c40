package store

import (
	"errors"
	"path"
	"slices"
	"time"
)

// Replaced generations stay for readerGracePeriod, but not more than maxReplaced of them.
const (
	readerGracePeriod = 10 * time.Second
	maxReplaced       = 8
)

// markReplaced records that a generation was replaced a while ago, and may still have readers.
func (s *Store) markReplaced(name string, ago time.Duration) {
	s.expireReplaced()
	if name != "" {
		s.replaced = append(s.replaced, name)
		s.replaced = s.replaced[max(0, len(s.replaced)-maxReplaced):]
	}
	left := s.gracePeriod - ago
	s.replacedUntil, s.cleanUpPending = time.Now().Add(left), true
	switch {
	case left <= 0:
	case s.cleanUpTimer == nil:
		s.cleanUpTimer = time.AfterFunc(left, s.cleanUpLate)
	default:
		s.cleanUpTimer.Reset(left)
	}
}

// cleanUpLate removes the replaced generations when the grace period is over.
func (s *Store) cleanUpLate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.expireReplaced()
	s.lateWarnings = append(s.lateWarnings, s.cleanUp()...)
}

// expireReplaced releases the replaced generations for removal after the grace period.
func (s *Store) expireReplaced() {
	if !time.Now().Before(s.replacedUntil) {
		s.replaced = nil
	}
}

// cleanUp removes all generations except the current one and those in s.replaced, and links and
// views without a target. It returns a warning for everything that it cannot remove.
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
		case name == dataTemp, name == linkTemp:
			warn(s.fs.remove(name))
		case name == viewTemp:
			warn(s.fs.removeTree(name))
		case generationNumber(name) > 0:
			if name != s.current.name && !slices.Contains(s.replaced, name) {
				warn(s.fs.removeTree(name))
			}
		case s.isStoreLink(name) && !s.leads(name):
			warn(s.fs.remove(name))
		case e.IsDir() && s.isView(name):
			warn(s.cleanUpView(name))
		}
	}
	s.cleanUpPending = len(s.replaced) > 0 || len(warnings) > 0
	return warnings
}

// leads reports whether the current generation has the name.
func (s *Store) leads(name string) bool {
	return s.current.name != "" && s.fs.exists(path.Join(s.current.name, name))
}

// cleanUpView removes a view without a target, or its links without one. It never removes what the
// store did not create, nor a view with such files.
func (s *Store) cleanUpView(name string) error {
	if !s.leads(name) {
		var e *Error
		if err := s.removeView(name); !errors.As(err, &e) || e.Reason != Conflict {
			return err
		}
	}
	children, err := s.fs.list(name)
	for _, child := range children {
		full := path.Join(name, child.Name())
		if child.Name() != dataLink && s.isStoreLink(full) && !s.leads(full) {
			if removeErr := s.fs.remove(full); err == nil {
				err = removeErr
			}
		}
	}
	return err
}
