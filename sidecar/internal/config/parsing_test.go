package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const dieVariable = "CERTSYNC_TEST_DIE_AT"

// TestMain is also the main function of the processes that die.
func TestMain(m *testing.M) {
	at, dir, ok := strings.Cut(os.Getenv(dieVariable), ":")
	if !ok {
		os.Exit(m.Run())
	}
	o := Options{File: filepath.Join(dir, "settings.json"), StateDir: dir}
	if err := dieAt(at, o); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// dieAt runs a process of a pod, as main does, that is killed at one moment.
func dieAt(at string, o Options) error {
	if at == "parsing" {
		o.afterNote = die
	}
	l, err := AtStart(o)
	if err != nil {
		return err
	}
	switch at {
	case "before use":
		die()
	case "error before use":
		l.EndParsing(o)
		return errors.New("no identity")
	}
	target := &running{inForce: l}
	w := NewWatcher(o, l, target, slog.New(slog.DiscardHandler))
	w.Start()
	switch at {
	case "in use":
		die()
	case "parsing an edit":
		w.options.afterNote = die
		return editAndCheck(w, o)
	case "applying an edit":
		w.target = dying{}
		return editAndCheck(w, o)
	}
	return errors.New("the process was not killed")
}

// dying is a Target that kills the process.
type dying struct{}

func (dying) Apply(_, _ *Loaded) { die() }
func (dying) Notice(string)      {}

func editAndCheck(w *Watcher, o Options) error {
	if err := os.WriteFile(o.File, []byte(with("deadly")), 0o600); err != nil {
		return err
	}
	w.Check()
	return errors.New("the process was not killed")
}

// dies runs a process that is killed, or that ends with an error, which dies returns.
func (p *pod) dies(t *testing.T, at string) string {
	t.Helper()
	child := exec.Command("/proc/self/exe")
	child.Env = []string{dieVariable + "=" + at + ":" + p.StateDir}
	out, err := child.CombinedOutput()
	if err == nil {
		t.Fatalf("the process ends without an error: %s", out)
	}
	if killed := child.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL; killed {
		return "killed"
	}
	return string(bytes.TrimSpace(out))
}

func (p *pod) hasNote() bool {
	_, err := os.Stat(p.parsing())
	return err == nil
}

const diedNotice = "settings.json: certsync ended while it read these settings"

// Settings with which the process died are not parsed again: neither at any later start nor by the
// running process. The last known good ones are in force until the next edit.
func TestDiedParsing(t *testing.T) {
	for _, at := range []string{"parsing", "before use", "parsing an edit", "applying an edit"} {
		t.Run(at, func(t *testing.T) {
			p := newPod(t, with("web"))
			p.start(t)
			if !strings.HasSuffix(at, "an edit") {
				p.edit(t, with("deadly"))
			}
			if got := p.dies(t, at); got != "killed" {
				t.Fatal(got)
			}
			p.afterNote = func() { t.Error("the settings are parsed again") }
			for range 2 {
				restarted := p.start(t)
				restarted.Check()
				restarted.want(t, "web", diedNotice)
				if len(restarted.logged(t)) != 1 {
					t.Errorf("the refusal is not logged once: %s", &restarted.log)
				}
			}
			restarted := p.start(t)
			p.remove(t)
			restarted.Check()
			restarted.want(t, "web", "no such file")
			p.edit(t, with("deadly")) // it comes back
			restarted.Check()
			restarted.want(t, "web", diedNotice)

			p.afterNote = nil
			restarted = p.start(t)
			p.edit(t, with("corrected"))
			restarted.Check()
			restarted.want(t, "corrected", "")
			if p.hasNote() {
				t.Error("the note stays after a good edit")
			}
			p.start(t).want(t, "corrected", "")
		})
	}
}

// The settings need not be valid: that they are not parsed shows in the reason.
func TestDiedParsingAtFirstStart(t *testing.T) {
	for _, settings := range []string{with("web"), "{", ""} {
		p := newPod(t, settings)
		if got := p.dies(t, "parsing"); got != "killed" {
			t.Fatal(got)
		}
		for range 2 {
			if got := p.dies(t, "in use"); !strings.Contains(got, diedNotice) || !strings.Contains(got, "create the pod again") {
				t.Errorf("the next start says %q", got)
			}
		}
		p.edit(t, with("corrected"))
		p.start(t).want(t, "corrected", "")
	}
}

// A process that ends in another way, or later, may start again with the same settings.
func TestNotDiedParsing(t *testing.T) {
	p := newPod(t, with("web"))
	if got := p.dies(t, "error before use"); got != "no identity" || p.hasNote() {
		t.Errorf("got %q, a note %v", got, p.hasNote())
	}
	if got := p.dies(t, "in use"); got != "killed" || p.hasNote() {
		t.Errorf("got %q, a note %v", got, p.hasNote())
	}
	notes := 0
	p.afterNote = func() { notes++ }
	r := p.start(t)
	r.Check()
	r.want(t, "web", "")
	if notes > 0 {
		t.Errorf("settings that were good before are noted %d times", notes)
	}
	p.edit(t, "bad")
	for range 3 {
		r.Check()
		r.want(t, "web", "settings.json: ")
	}
	if notes != 1 || p.hasNote() {
		t.Errorf("bad settings are parsed %d times, note %v; want once, and no note", notes, p.hasNote())
	}
	p.start(t).want(t, "web", "settings.json: ")
	if p.hasNote() {
		t.Error("bad settings leave a note")
	}
}

// An orderly end does not remove the note of an earlier process.
func TestNoteOutlivesErrors(t *testing.T) {
	p := newPod(t, with("web"))
	p.start(t)
	p.edit(t, with("deadly"))
	for _, at := range []string{"before use", "error before use", "in use"} {
		p.dies(t, at)
		if !p.hasNote() {
			t.Fatalf("after the process ended at %q, the note is lost", at)
		}
	}
	p.start(t).want(t, "web", diedNotice)
}

// Without a place for the note, settings work as before. On a host there is no note.
func TestNoPlaceForTheNote(t *testing.T) {
	for _, dir := range []string{"missing", "settings.json"} {
		p := newPod(t, with("web"))
		p.StateDir = filepath.Join(p.StateDir, dir)
		r := p.start(t)
		p.edit(t, with("api"))
		r.Check()
		r.want(t, "api", "")
		p.start(t).want(t, "api", "")
	}
	host := newPod(t, with("web"))
	host.Host = true
	host.afterNote = func() {
		if host.hasNote() {
			t.Error("there is a note on a host")
		}
	}
	r := host.start(t)
	host.edit(t, with("api"))
	r.Check()
	r.want(t, "api", "")
}

// A settings file that is not a file, or has no end, is refused like any other bad edit.
func TestUnfitSettingsFile(t *testing.T) {
	for want, create := range map[string]func(path string) error{
		"is a FIFO":             func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"is a directory":        func(path string) error { return os.Mkdir(path, 0o700) },
		"is longer than 96 KiB": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte(" "), 96<<10+1), 0o600) },
		"is a device":           func(path string) error { return os.Symlink("/dev/zero", path) },
	} {
		p := newPod(t, with("web"))
		r := p.start(t)
		p.remove(t)
		check(t, create(p.File))
		r.Check()
		r.want(t, "web", "settings file: read "+p.File+": "+want)
		p.start(t).want(t, "web", want)
		if _, err := Load(p.Options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load: %v, want %q", err, want)
		}
	}
	p := newPod(t, with("web")+strings.Repeat(" ", 96<<10-len(with("web"))))
	p.start(t).want(t, "web", "")
}
