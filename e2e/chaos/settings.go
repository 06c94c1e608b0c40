package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/hostile"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// settingsName is the file in the mounted ConfigMap.
const settingsName = "settings.json"

// refused is in the status while an edit is refused.
const refused = "changed settings are refused"

// mounted is a directory like a mounted ConfigMap.
type mounted struct {
	dir   string
	count int
}

// put replaces the content in one step, as the kubelet does. The function writes the file, or none.
func (m *mounted) put(write func(path string) error) error {
	m.count++
	version := fmt.Sprintf("..%d", m.count)
	if err := os.MkdirAll(filepath.Join(m.dir, version), 0o755); err != nil {
		return err
	}
	link := filepath.Join(m.dir, settingsName)
	if _, err := os.Lstat(link); err != nil {
		if err := os.Symlink(filepath.Join("..data", settingsName), link); err != nil {
			return err
		}
	}
	return errors.Join(
		write(filepath.Join(m.dir, version, settingsName)),
		os.Symlink(version, filepath.Join(m.dir, "..data_tmp")),
		os.Rename(filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")),
		os.RemoveAll(filepath.Join(m.dir, fmt.Sprintf("..%d", m.count-1))),
	)
}

// edit is a bad edit of the settings.
type edit struct {
	name  string
	write func(path string) error
}

// edits returns all bad edits.
func (w *world) edits(good string) []edit {
	text := func(name, content string) edit {
		return edit{name, func(path string) error { return os.WriteFile(path, []byte(content), 0o600) }}
	}
	all := []edit{
		text("empty", ""), text("null", "null"), text("a number", "7"), text("binary", "\x00\x01\xff\xfe"),
		text("the first half", good[:len(good)/2]), text("twice", good+good),
		text("another port", strings.Replace(good, `"pollingIntervalInS"`, `"port":9999,"pollingIntervalInS"`, 1)),
		text("another store", strings.Replace(good, `"certificateStoreLocation":"`, `"certificateStoreLocation":"/elsewhere`, 1)),
		text("another host", strings.ReplaceAll(good, "vault.azure.net", "vault.example.com")),
		{"missing", func(string) error { return nil }},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o755) }},
		{"a FIFO", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		text("too large", strings.Repeat(" ", contract.MaxSettingsBytes+1)),
	}
	for _, name := range slices.Sorted(maps.Keys(hostile.Settings)) {
		if name != "many entries" { // these are valid: certificates that do not exist
			all = append(all, text(name, hostile.Settings[name](contract.MaxSettingsBytes-1000)))
		}
	}
	return all
}

// editSettings makes all bad edits in an order of the seed, and a good one after each. After some
// of them, the sidecar is killed, so that it starts with the bad edit in place.
func editSettings(ctx context.Context, t *trial) error {
	w, err := t.newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.End()
	m := &mounted{dir: filepath.Join(t.dir, "settings")}
	s := t.subject(ctx, w, "")
	defer s.end()
	good := s.options.Settings
	s.options.SettingsFile = filepath.Join(m.dir, settingsName)
	putGood := func(path string) error { return os.WriteFile(path, []byte(good), 0o600) }
	if err := m.put(putGood); err != nil {
		return err
	}
	if err := s.launch(ctx); err != nil {
		return err
	}
	t.check("start", s.running().AwaitReady(ctx, readyAgain))
	all := w.edits(good)
	for _, i := range t.rand.Perm(len(all)) {
		s.enter(phase{name: all[i].name, ready: isReady, versions: w.versions()})
		killed := t.rand.IntN(2) == 0
		if err := m.put(all[i].write); err != nil {
			return err
		}
		t.countFault()
		t.check(all[i].name+": status", s.says(ctx, refused, true))
		if killed {
			s.kill()
			s.enter(phase{name: all[i].name + ", killed", versions: w.versions()})
			if err := s.launch(ctx); err != nil {
				return err
			}
			t.check(all[i].name+", killed: ready", s.running().AwaitReady(ctx, readyAgain))
			t.check(all[i].name+", killed: status", s.says(ctx, refused, true))
		}
		// The settings in force go on.
		s.enter(phase{name: all[i].name + ", renewed", ready: isReady})
		if err := errors.Join(w.renew(ctx), s.running().Signal(syscall.SIGHUP)); err != nil {
			return err
		}
		t.check(all[i].name+": renewal", s.reaches(ctx, recoveredIn))
		if err := m.put(putGood); err != nil {
			return err
		}
		t.check(all[i].name+": back", s.says(ctx, refused, false))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		t.scanner.scan(ctx)
	}
	return nil
}

// says lets the sidecar look at its settings and waits until its status contains a text, or does
// not.
func (s *subject) says(ctx context.Context, text string, want bool) error {
	_ = s.running().Signal(syscall.SIGHUP) // the probes report a process that has ended
	begin := time.Now()
	return rig.Await(ctx, explainedIn, func() error {
		status, err := s.running().Get(ctx, "/status")
		if err == nil && strings.Contains(status, text) != want {
			err = fmt.Errorf("after %s, %q in the status is %t, want %t: %s", time.Since(begin), text, !want, want, status)
		}
		return err
	})
}
