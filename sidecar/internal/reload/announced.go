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

// versions describe the contents of the stores: the file name and version that each link leads to.
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

// announced contains the versions that were announced. It is saved in a file, so that a renewal is
// announced even if the process dies between publishing the files and the announcement.
type announced struct {
	path     string // empty: no file
	log      *slog.Logger
	versions versions
}

func readAnnounced(path string, log *slog.Logger) *announced {
	a := &announced{path: path, log: log, versions: versions{}}
	if path == "" {
		return a
	}
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &a.versions)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("cannot read which renewals were announced: a renewal may be missed", "error", err)
		a.versions = versions{}
	}
	return a
}

// differs reports whether a link leads to something other than what was announced. A new link is
// not a renewal.
func (a *announced) differs(current versions) bool {
	for link, version := range current {
		if known, ok := a.versions[link]; ok && known != version {
			return true
		}
	}
	return false
}

// record adds versions, and writes the file if something changes. A link that was removed is kept,
// since it may be added again.
func (a *announced) record(current versions) {
	all := maps.Clone(a.versions)
	maps.Copy(all, current)
	if maps.Equal(a.versions, all) {
		return
	}
	a.versions = all
	if a.path == "" {
		return
	}
	if err := a.write(); err != nil {
		a.log.Warn("cannot save which renewals were announced: a renewal may be missed after a restart", "error", err)
	}
}

func (a *announced) write() error {
	content, err := json.Marshal(a.versions)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(a.path, content, 0o600)
}
