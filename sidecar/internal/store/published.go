package store

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// loadPublished reads the published generation, and removes everything else that the store created.
// It works with any state of the directory. A failed removal is only a warning, because the
// published files can still be read.
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
	for _, e := range entries {
		s.nextNumber = max(s.nextNumber, generationNumber(e.Name())+1)
	}
	s.current, s.replaced, s.cleanUpPending = generation{name: name}, nil, true
	warnings := s.cleanUp()
	if name != "" {
		var damaged []string
		s.current, damaged = s.fs.loadGeneration(name)
		warnings = append(warnings, damaged...)
	}
	return warnings, nil
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
