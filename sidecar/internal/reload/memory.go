package reload

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/atomicfile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// versions are what stores have, by link: the name of the file that it leads to, and its version.
type versions map[string]string

func installed(report certsync.Report) versions {
	v := versions{}
	for _, s := range report.Certificates {
		if s.Installed.Version != "" {
			v[s.Certificate.Store+"/"+s.Certificate.LinkName] = s.Installed.FileName + "." + s.Installed.Version
		}
	}
	return v
}

// memory is what has been announced. It is kept in a file, so that a renewal is announced although the
// process dies between the swap and the announcement.
type memory struct {
	path      string // empty: no file
	log       *slog.Logger
	announced versions
}

func newMemory(path string, log *slog.Logger) *memory {
	m := &memory{path: path, log: log, announced: versions{}}
	if path == "" {
		return m
	}
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &m.announced)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("what renewals were announced is not known: one may be missed", "error", err)
		m.announced = versions{}
	}
	return m
}

// differs says whether a link leads to something else than what was announced. One that was not there
// before is no renewal.
func (m *memory) differs(current versions) bool {
	for link, version := range current {
		if known, ok := m.announced[link]; ok && known != version {
			return true
		}
	}
	return false
}

// note takes over versions, and writes the file if that changes anything. A link that is gone is kept: it may
// come back.
func (m *memory) note(current versions) {
	all := maps.Clone(m.announced)
	maps.Copy(all, current)
	if maps.Equal(m.announced, all) {
		return
	}
	m.announced = all
	if m.path == "" {
		return
	}
	if err := m.write(); err != nil {
		m.log.Warn("announced renewals cannot be noted: after a restart one may be missed", "error", err)
	}
}

func (m *memory) write() error {
	content, err := json.Marshal(m.announced)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(m.path, content, 0o600)
}
