package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// recover starts from what is in the directory, whatever happened before: it finds the published
// generation, clears everything else that the store made, and reads the generation back. That
// something cannot be cleared is a warning: what is published can still be read.
func (s *Store) recover() ([]string, error) {
	name, err := s.published()
	if err != nil {
		return nil, err
	}
	entries, err := s.fs.list(".")
	if err != nil {
		return nil, err
	}
	// A number is not used again while the link or a directory has it: the link would lead into a
	// generation that is not complete.
	s.next = generationNumber(s.fs.readlink(dataLink)) + 1
	for _, e := range entries {
		s.next = max(s.next, generationNumber(e.Name())+1)
	}
	s.current, s.leaving, s.stale = generation{name: name}, nil, true
	warnings := s.clear()
	if name != "" {
		var damaged []string
		s.current, damaged = s.fs.load(name)
		warnings = append(warnings, damaged...)
	}
	return warnings, nil
}

// published returns the generation that "..data" leads to, or "" where there is none.
func (s *Store) published() (string, error) {
	info, err := s.fs.root.Lstat(dataLink)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fileError("stat", filepath.Join(s.fs.dir, dataLink), err)
	}
	name := s.fs.readlink(dataLink)
	if info.Mode().Type() != fs.ModeSymlink || generationNumber(name) == 0 {
		return "", &Error{Reason: Conflict, Op: "read", Path: filepath.Join(s.fs.dir, dataLink), Err: fs.ErrExist,
			Do: "give certificate sync a directory of its own; this one is managed by something else"}
	}
	if !s.fs.exists(name) {
		// The link is replaced by the next swap.
		return "", nil
	}
	return name, nil
}

// Old generations stay for readerGrace, but no more than maxLeaving of them.
const (
	readerGrace = 10 * time.Second
	maxLeaving  = 8
)

// replaced notes that a generation has just been replaced, and may still have readers.
func (s *Store) replaced(name string) {
	s.forget()
	if name != "" {
		s.leaving = append(s.leaving, name)
		s.leaving = s.leaving[max(0, len(s.leaving)-maxLeaving):]
	}
	s.swapped, s.stale = time.Now(), true
}

// forget gives up the old generations when the last of them was replaced long enough ago.
func (s *Store) forget() {
	if time.Since(s.swapped) >= s.grace {
		s.leaving = nil
	}
}

// clear removes generations other than the current one and those that are leaving, and top-level links
// that lead nowhere. It returns what it could not remove.
func (s *Store) clear() (warnings []string) {
	if !s.stale {
		return nil
	}
	warn := func(err error) {
		if err != nil {
			warnings = append(warnings, "something old could not be removed from the store: "+err.Error())
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
			if name != s.current.name && !slices.Contains(s.leaving, name) {
				warn(s.fs.removeTree(name))
			}
		case s.isOurs(name) && (s.current.name == "" || !s.fs.exists(path.Join(s.current.name, name))):
			warn(s.fs.remove(name))
		}
	}
	s.stale = len(s.leaving) > 0 || len(warnings) > 0
	return warnings
}

func generationName(n uint64) string { return fmt.Sprintf("..%010d", n) }

// generationNumber is the inverse of generationName, and 0 for every other name.
func generationNumber(name string) uint64 {
	n, err := strconv.ParseUint(strings.TrimPrefix(name, ".."), 10, 64)
	if err != nil || name != generationName(n) {
		return 0
	}
	return n
}
