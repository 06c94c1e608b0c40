package store

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// tellWatchers notifies the programs that do not watch "..data" in the store's directory that old
// was replaced:
//
//   - Those that watch a view, or the store's directory for the metadata of a certificate, see an
//     IN_MOVED_TO on the view's "..data", or on the metadata: a link is replaced by an equal one.
//   - Those that watch a file, found by following all links, see an IN_DELETE_SELF: see retire.
//
// In a Kubernetes Secret volume they see the same, since the kubelet swaps the volume's "..data"
// and then removes the old files.
func (s *Store) tellWatchers(old generation) (warnings []string) {
	warn := func(err error) {
		if err != nil {
			warnings = append(warnings, "programs that watch single files are notified late of the change: "+err.Error())
		}
	}
	for _, name := range s.changedNames(old) {
		if s.isStoreLink(name) {
			warn(s.replaceLink(name))
		}
	}
	warn(s.retire(old))
	return warnings
}

// changedNames returns the links to replace by equal ones: of the views and metadata files whose
// content changed since the old generation.
func (s *Store) changedNames(old generation) (names []string) {
	changed := func(file string) bool { return old.manifest.Files[file] != s.current.manifest.Files[file] }
	for _, files := range []map[string]string{old.manifest.Files, s.current.manifest.Files} {
		for file := range files {
			name := file
			if dir := topLevel(file); dir != file {
				name = path.Join(dir, dataLink)
			} else if !strings.HasSuffix(file, SuffixMetadata) {
				continue
			}
			if changed(file) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// copyTemp is the name of a copy in a replaced generation before it is renamed.
const copyTemp = "..copy"

// retire replaces the files of a replaced generation that the current one does not share by equal
// copies. A program that watches such a file is notified at once, since the file that it found is
// gone, and not ten seconds later. A reader that has already resolved a path still finds the
// content at it.
//
// On a full volume, the files stay, and programs are notified when the generation is removed.
func (s *Store) retire(old generation) error {
	shared := make(map[uint64]bool)
	for _, id := range s.current.ids {
		shared[id.inode] = true
	}
	var failed error
	for file := range old.manifest.Files {
		full := path.Join(old.name, file)
		info, err := s.fs.root.Lstat(full)
		if err != nil || !info.Mode().IsRegular() || shared[idOf(info).inode] {
			continue
		}
		if err := s.replaceByCopy(full, path.Join(old.name, copyTemp)); err != nil {
			failed = err
		}
	}
	if e, ok := errors.AsType[*Error](failed); ok && e.Reason == NoSpace {
		return nil
	}
	return failed
}

// replaceByCopy does not sync the copy: after a power failure, nobody reads it.
func (s *Store) replaceByCopy(name, temp string) error {
	file, err := s.fs.root.Open(name)
	if err != nil {
		return fileError("open", name, err)
	}
	defer file.Close() // only read, so an error does not matter
	p, err := permOf(file)
	if err != nil {
		return fileError("stat", name, err)
	}
	data, err := s.fs.read(name)
	if err != nil {
		return fileError("read", name, err)
	}
	if err := s.fs.remove(temp); err != nil {
		return err
	}
	if err := s.fs.write(temp, data, p, false); err != nil {
		return errors.Join(err, s.fs.remove(temp))
	}
	return s.fs.rename(temp, name)
}
