package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// These watchers do what well-known programs do, so that a change of the layout that they would
// miss is noticed. They follow several renewals without being told of the new files.

// springWatcher does what Spring Boot does to reload an SSL bundle: it watches the directories of
// each link on the way to the file, and never watches others later.
//
// Source: FileWatcher.java of Spring Boot 3.5 (org.springframework.boot.autoconfigure.ssl)
type springWatcher struct {
	paths map[string]bool
	fd    int
	dirs  map[int]string // by watch descriptor
}

func newSpringWatcher(t *testing.T, path string) *springWatcher {
	t.Helper()
	w := &springWatcher{paths: map[string]bool{}, dirs: map[int]string{}}
	w.register(t, path)
	w.fd = watchPath(t, filepath.Dir(path), changes)
	for path := range w.paths {
		dir := filepath.Dir(path)
		if isDir(path) {
			dir = path
		}
		// Java's WatchService uses these events for ENTRY_CREATE, ENTRY_DELETE and ENTRY_MODIFY.
		wd, err := unix.InotifyAddWatch(w.fd, dir,
			unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_MOVED_FROM|unix.IN_MODIFY|unix.IN_ATTRIB)
		if err != nil {
			t.Fatal(err)
		}
		w.dirs[wd] = dir
	}
	return w
}

// register collects the paths that Spring's getRegistrationPaths returns.
func (w *springWatcher) register(t *testing.T, path string) {
	t.Helper()
	w.paths[path] = true
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	link, next := dir, base
	if !isLink(dir) {
		link, next = path, ""
	}
	if !isLink(link) {
		return
	}
	w.paths[link] = true
	target, err := os.Readlink(link)
	if err != nil {
		t.Fatal(err)
	}
	// Java does not remove ".." from the path.
	w.register(t, strings.TrimSuffix(filepath.Dir(link)+"/"+target+"/"+next, "/"))
}

// triggered reports whether Spring reloads the bundle because of the events since the last call.
func (w *springWatcher) triggered(t *testing.T) bool {
	t.Helper()
	for _, e := range readEvents(t, w.fd) {
		for _, dir := range w.dirs {
			file := dir + "/" + e.name
			if w.paths[file] {
				return true
			}
		}
	}
	return false
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == fs.ModeSymlink
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// systemdWatcher does what a path unit of systemd does for PathChanged: it watches the file, by the
// path, and only whether the directories above it move. When it is triggered, it begins again.
//
// Source: src/core/path.c of systemd 252 (path_spec_watch, path_spec_fd_event)
type systemdWatcher struct {
	path string
	fd   int
}

func (w *systemdWatcher) triggered(t *testing.T) bool {
	t.Helper()
	// The file is the only one with events other than IN_MOVE_SELF.
	triggered := w.fd > 0 && slices.ContainsFunc(readEvents(t, w.fd), func(e event) bool { return e.mask&unix.IN_MOVE_SELF == 0 })
	if w.fd == 0 || triggered {
		w.fd = watchPath(t, w.path, unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_ATTRIB|unix.IN_CLOSE_WRITE|
			unix.IN_CREATE|unix.IN_DELETE|unix.IN_MOVED_FROM|unix.IN_MOVED_TO)
		for dir := filepath.Dir(w.path); dir != "/"; dir = filepath.Dir(dir) {
			if _, err := unix.InotifyAddWatch(w.fd, dir, unix.IN_MOVE_SELF); err != nil {
				t.Fatal(err)
			}
		}
	}
	return triggered
}

// viperWatcher does what Viper and many others do with fsnotify: it watches the directory of the
// file, and is triggered when the file that the path leads to is another one.
//
// Source: viper.go of Viper 1.20 (WatchConfig)
type viperWatcher struct {
	path, real string
	fd         int
}

func (w *viperWatcher) triggered(t *testing.T) bool {
	t.Helper()
	if w.fd == 0 {
		w.fd = watchPath(t, filepath.Dir(w.path), changes)
	}
	triggered := false
	for range readEvents(t, w.fd) {
		real, err := filepath.EvalSymlinks(w.path)
		if err != nil {
			t.Fatal(err)
		}
		triggered = triggered || w.real != "" && real != w.real
		w.real = real
	}
	if w.real == "" {
		w.real, _ = filepath.EvalSymlinks(w.path)
	}
	return triggered
}

// TestWatchingPrograms checks that each program notices each renewal of each file at once, and
// reads the new version then.
func TestWatchingPrograms(t *testing.T) {
	type watcher interface{ triggered(t *testing.T) bool }
	for program, start := range map[string]func(path string) watcher{
		"Spring Boot": func(path string) watcher { return newSpringWatcher(t, path) },
		"systemd":     func(path string) watcher { return &systemdWatcher{path: path} },
		"Viper":       func(path string) watcher { return &viperWatcher{path: path} },
	} {
		for name := range publicFiles("v.a", "1") {
			t.Run(program+" "+name, func(t *testing.T) {
				dir := memoryDir(t)
				s := mustOpen(t, dir)
				s.gracePeriod = readerGracePeriod
				mustCommit(t, s, allFiles("v.a", "1"))
				w := start(filepath.Join(dir, name))
				if w.triggered(t) {
					t.Error("it is triggered before anything changes")
				}
				for _, version := range []string{"2", "3", "4"} {
					mustCommit(t, s, allFiles("v.a", version))
					if !w.triggered(t) {
						t.Errorf("it does not notice version %s", version)
					}
					if !hasFiles(dir, publicFiles("v.a", version)) {
						t.Errorf("it does not find version %s", version)
					}
				}
			})
		}
	}
}
