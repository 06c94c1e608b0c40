package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A container that restarts after a bad edit continues with the last known good settings.
func TestLastKnownGood(t *testing.T) {
	for name, test := range map[string]struct {
		edit   string // empty: the file is removed
		notice string
	}{
		"cannot be parsed":    {`{"secretsManagementSettings"`, "settings.json: "},
		"not valid":           {with("other", `"port":80`), "port"},
		"needs a new pod":     {with("other", `"port":4000`), "another port needs a new pod"},
		"the file is missing": {"", "settings.json: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, with("web"))
			p.start(t)
			if test.edit == "" {
				p.remove(t)
			} else {
				p.edit(t, test.edit)
			}
			restarted := p.start(t)
			restarted.want(t, "web", test.notice)
			if restarted.inForce.File != p.File || restarted.inForce.Refused == nil {
				t.Errorf("in force: file %s, refused %v; want %s and a reason", restarted.inForce.File, restarted.inForce.Refused, p.File)
			}
			p.start(t).want(t, "web", test.notice) // also after another restart

			p.edit(t, with("corrected"))
			restarted.Check()
			restarted.want(t, "corrected", "")
			p.start(t).want(t, "corrected", "")
		})
	}
}

// A good edit takes effect in a container that restarts, and becomes the last known good one.
func TestGoodEditAtStart(t *testing.T) {
	p := newPod(t, with("web"))
	p.start(t)
	p.edit(t, with("api"))
	p.start(t).want(t, "api", "")
	p.edit(t, "bad")
	p.start(t).want(t, "api", "settings.json: ")
}

// The first container of a pod fails with bad settings: there is nothing to continue with.
func TestBadSettingsAtFirstStart(t *testing.T) {
	p := newPod(t, "bad")
	if _, err := AtStart(p.Options); err == nil || !strings.Contains(err.Error(), "settings.json: ") {
		t.Errorf("error %v", err)
	}
}

// On a host, the administrator starts the process: it fails with bad settings, and saves none.
func TestHostHasNoLastKnownGood(t *testing.T) {
	p := newPod(t, with("web"))
	p.Host = true
	p.start(t)
	if _, err := os.Stat(p.lastKnownGood()); !os.IsNotExist(err) {
		t.Errorf("settings are saved on a host: %v", err)
	}
	p.edit(t, "bad")
	if _, err := AtStart(p.Options); err == nil {
		t.Error("a process on a host starts with bad settings")
	}
}

// Only the settings file is saved, not the variable: that cannot change while the pod lives.
func TestSavedContent(t *testing.T) {
	p := newPod(t, with("web"))
	setVariables(t, `{"secretsManagementSettings":{"port":3000}}`, "")
	r := p.start(t)
	saved, err := os.ReadFile(filepath.Join(p.StateDir, "settings.good.json"))
	check(t, err)
	if string(saved) != with("web") || r.inForce.Port != 3000 {
		t.Errorf("saved %s, port %d", saved, r.inForce.Port)
	}
	info, err := os.Stat(p.lastKnownGood())
	check(t, err)
	p.start(t)
	again, err := os.Stat(p.lastKnownGood())
	check(t, err)
	if !os.SameFile(info, again) {
		t.Error("unchanged settings are written again")
	}

	p.remove(t)
	variableOnly := newPod(t, with("web"))
	variableOnly.File = ""
	setVariables(t, with("web"), "")
	variableOnly.start(t)
	if _, err := os.Stat(variableOnly.lastKnownGood()); !os.IsNotExist(err) {
		t.Errorf("settings without a file are saved: %v", err)
	}
}

// A failure to save is logged, and the process runs.
func TestCannotSave(t *testing.T) {
	p := newPod(t, with("web"))
	p.StateDir = filepath.Join(p.StateDir, "missing")
	r := p.start(t)
	r.want(t, "web", "")
	if !slices.Contains(r.logged(t), "cannot save the last known good settings: a bad edit would stop the container after a restart") {
		t.Errorf("log: %s", &r.log)
	}
}
