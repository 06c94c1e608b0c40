package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// loadPublished reads the published generation, and removes everything else that the store created.
// It works with any state of the directory. A failed removal is only a warning, because the
// published files can still be read.
//
// If there is an older generation, the last process may have died before it told the programs that
// watch the old files, and before the last readers were gone.
func (s *Store) loadPublished() ([]string, error) {
	name, err := s.publishedName()
	if err != nil {
		return nil, err
	}
	entries, err := s.fs.list(".")
	if err != nil {
		return nil, err
	}
	// The next number is higher than that of every link and directory. Otherwise an existing
	// "..data" link could lead into a new generation before it is complete.
	s.nextNumber = generationNumber(s.fs.readlink(dataLink)) + 1
	s.current, s.replaced, s.cleanUpPending = generation{name: name}, nil, true
	var older []string
	for _, e := range entries {
		number := generationNumber(e.Name())
		s.nextNumber = max(s.nextNumber, number+1)
		if number > 0 && number < generationNumber(name) {
			older = append(older, e.Name())
		}
	}
	var warnings []string
	if name != "" {
		s.current, warnings = s.fs.loadGeneration(name)
	}
	for _, replaced := range older {
		warnings = append(warnings, s.tellWatchers(s.fs.listGeneration(replaced))...)
		s.markReplaced(replaced, s.publishedAgo())
	}
	s.expireReplaced()
	return append(warnings, s.cleanUp()...), nil
}

// publishedAgo returns how long ago the current generation was published.
func (s *Store) publishedAgo() time.Duration {
	info, err := s.fs.root.Lstat(dataLink)
	if err != nil || time.Since(info.ModTime()) < 0 { // the clock was set back
		return s.gracePeriod
	}
	return time.Since(info.ModTime())
}

// publishedName returns the name of the generation that "..data" leads to, or "" if there is none.
func (s *Store) publishedName() (string, error) {
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
			Remedy: "use a separate directory for certificate sync: another program manages this one"}
	}
	if !s.fs.exists(name) {
		// The next swap replaces the dangling link.
		return "", nil
	}
	return name, nil
}
