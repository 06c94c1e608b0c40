package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// read reads all certificates as apps do, and checks them.
func (s *subject) read() {
	dir := s.world.view(s.store)
	for _, name := range s.world.names {
		before := s.current()
		file := filepath.Join(dir, fileName(name))
		text, err := os.ReadFile(file)
		s.judge(before, name, name, text, err)
		text, err = readSplit(dir, name)
		s.judge(before, name, name+".d", text, err)
	}
}

// fileName is the name of a certificate's link in the store.
func fileName(name string) string {
	vault, _, _ := strings.Cut(rig.VaultHost, ".")
	return vault + "." + name
}

// readSplit reads certificate and key of one generation, as an app does that resolves "..data"
// once.
func readSplit(dir, name string) (text []byte, err error) {
	for range 3 {
		var generation string
		if generation, err = os.Readlink(filepath.Join(dir, "..data")); err != nil {
			return nil, err
		}
		var parts [][]byte
		for _, part := range []string{"tls.crt", "ca.crt", "tls.key"} {
			var data []byte
			if data, err = os.ReadFile(filepath.Join(dir, generation, fileName(name)+".d", part)); err != nil {
				break
			}
			parts = append(parts, data)
		}
		if err == nil {
			return bytes.Join(parts, nil), nil
		}
		// A sidecar that starts again may remove what its predecessor has replaced.
	}
	return nil, err
}

// judge checks what was read in a phase.
func (s *subject) judge(before phase, name, where string, text []byte, err error) {
	var version int
	if err == nil {
		version, err = s.world.verify(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last, seen := s.seen[where]
	switch {
	case !seen && errors.Is(err, fs.ErrNotExist):
		if s.phase.name == before.name && before.ready == isReady {
			s.t.check(before.name+": "+where, fmt.Errorf("ready without this file: %w", err))
		}
		return
	case err == nil && version < last:
		err = fmt.Errorf("version %d after version %d", version, last)
	case err == nil && s.phase.name == before.name && before.versions != nil && before.versions[name] != version:
		err = fmt.Errorf("version %d, want %d", version, before.versions[name])
	}
	if err == nil {
		s.seen[where] = version
	}
	s.t.check(before.name+": "+where, err)
}

// stare looks for a file without a pause, for the time in which a poll replaces it. A swap that is
// not atomic takes some microseconds, which a reader that pauses hardly ever meets.
func (s *subject) stare(ctx context.Context, d time.Duration) {
	name := s.world.names[0]
	s.mu.Lock()
	_, seen := s.seen[name]
	s.mu.Unlock()
	file := filepath.Join(s.world.view(s.store), fileName(name))
	var missing error
	for begin := time.Now(); time.Since(begin) < d && ctx.Err() == nil; {
		if _, err := os.Stat(file); err != nil {
			missing = err
		}
	}
	if seen {
		s.t.check(s.current().name+": "+name, missing)
	}
}
