package config

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/atomicfile"
)

// lastKnownGoodFile is the settings file as it was when it was last in force. A user may edit the
// settings of a pod at any time, and its container may restart at any time: after a bad edit it
// must continue as before. The file lives as long as the pod, like the limits that needsNewPod
// checks.
const lastKnownGoodFile = "settings.good.json"

func (o Options) lastKnownGood() string { return filepath.Join(o.StateDir, lastKnownGoodFile) }

// AtStart returns the configuration of a process that starts: the one that Load returns or, in a
// pod whose settings were edited so that they cannot be used, the last known good one, with the
// reason in Refused. Without a last known good one, the error is that of Load.
func AtStart(o Options) (*Loaded, error) {
	if o.Host {
		return Load(o)
	}
	earlier := o
	earlier.File = o.lastKnownGood()
	good, err := Load(earlier)
	if err != nil {
		return Load(o)
	}
	o.File = cmp.Or(o.File, contract.SettingsFile) // it existed before, so that a missing file is an edit, too
	next, err := Load(o)
	if err == nil {
		err = needsNewPod(good, next)
	}
	if err == nil {
		return next, nil
	}
	good.File, good.Refused = o.File, err
	return good, nil
}

// saveLastKnownGood saves settings that are in force, for AtStart.
func saveLastKnownGood(o Options, l *Loaded) error {
	path := o.lastKnownGood()
	if o.Host || l.File == "" {
		return nil
	}
	if saved, err := os.ReadFile(path); err == nil && bytes.Equal(saved, l.content) {
		return nil
	}
	return atomicfile.WriteFile(path, l.content, 0o600)
}
