package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// setVariables sets the variables that this package reads; without a value to the empty text.
func setVariables(t *testing.T, settings, allowedVaults string) {
	t.Helper()
	t.Setenv(contract.EnvSettings, settings)
	t.Setenv(contract.EnvAllowedVaults, allowedVaults)
}

// with returns settings with one certificate and additions to secretsManagementSettings, such as
// `"port":3000`.
func with(name string, additions ...string) string {
	additions = append(additions, fmt.Sprintf(`"observedCertificates":["https://shop.vault.azure.net/secrets/%s"]`, name))
	return `{"secretsManagementSettings":{` + strings.Join(additions, ",") + `}}`
}

// pod is a pod with a settings file and a directory for state.
type pod struct{ Options }

func newPod(t *testing.T, settings string) *pod {
	t.Helper()
	setVariables(t, "", "")
	dir := t.TempDir()
	p := &pod{Options{File: filepath.Join(dir, "settings.json"), StateDir: dir}}
	p.edit(t, settings)
	return p
}

func (p *pod) edit(t *testing.T, settings string) {
	t.Helper()
	check(t, os.WriteFile(p.File, []byte(settings), 0o600))
}

func (p *pod) remove(t *testing.T) {
	t.Helper()
	check(t, os.Remove(p.File))
}

// start starts a process of the pod: a watcher whose effects are recorded.
func (p *pod) start(t *testing.T) *running {
	t.Helper()
	l, err := AtStart(p.Options)
	check(t, err)
	r := &running{inForce: l}
	r.Watcher = NewWatcher(p.Options, l, r, slog.New(slog.NewJSONHandler(&r.log, nil)))
	r.Start()
	return r
}

// running is the Target of a Watcher.
type running struct {
	*Watcher
	inForce *Loaded
	applied int
	notice  string
	log     bytes.Buffer
}

func (r *running) Apply(running, next *Loaded) {
	if running != r.inForce {
		panic("the running configuration is not the one that is in force")
	}
	r.inForce = next
	r.applied++
}

func (r *running) Notice(text string) { r.notice = text }

// logged returns the messages of the log.
func (r *running) logged(t *testing.T) (messages []string) {
	t.Helper()
	for line := range strings.Lines(r.log.String()) {
		var record struct {
			Msg string `json:"msg"`
		}
		check(t, json.Unmarshal([]byte(line), &record))
		messages = append(messages, record.Msg)
	}
	return messages
}

// want checks which certificate is in force, and the notice.
func (r *running) want(t *testing.T, name, notice string) {
	t.Helper()
	if got := r.inForce.Certificates[0].Name; got != name {
		t.Errorf("certificate %s is in force, want %s", got, name)
	}
	if notice == "" && r.notice != "" || !strings.Contains(r.notice, notice) {
		t.Errorf("notice %q, want %q", r.notice, notice)
	}
}
