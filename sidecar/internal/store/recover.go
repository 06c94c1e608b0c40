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
	s.current, s.stale = generation{name: name}, true
	warnings := s.clear(name)
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

// clear removes generations other than those to keep, the first of which is published or "", and
// top-level links that lead nowhere. It returns what it could not remove.
func (s *Store) clear(keep ...string) (warnings []string) {
	warn := func(err error) {
		if err != nil {
			warnings = append(warnings, "something old could not be removed from the store: "+err.Error())
		}
	}
	if !s.stale {
		return nil
	}
	entries, err := s.fs.list(".")
	warn(err)
	for _, e := range entries {
		name := e.Name()
		switch {
		case name == dataTemp:
			warn(s.fs.remove(name))
		case generationNumber(name) > 0 && !slices.Contains(keep, name):
			warn(s.fs.removeTree(name))
		case s.isOurs(name) && (keep[0] == "" || !s.fs.exists(path.Join(keep[0], name))):
			warn(s.fs.remove(name))
		}
	}
	s.stale = len(keep) > 1 || len(warnings) > 0
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
