package config

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/atomicfile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/smallfile"
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
//
// In a pod, it does not parse settings with which an earlier process died; they cannot be used. If
// the process ends before Watcher.Start, it calls Loaded.EndParsing.
func AtStart(o Options) (*Loaded, error) {
	if o.Host {
		return Load(o)
	}
	earlier := o
	earlier.File = o.lastKnownGood()
	good, err := Load(earlier)
	if err != nil {
		next, _, err := loadNew(o, nil)
		return next, err
	}
	o.File = cmp.Or(o.File, DefaultFile) // it existed before, so that a missing file is an edit, too
	good.File = o.File
	next, judged, err := loadNew(o, good)
	if err == nil {
		err = needsNewPod(good, next)
	}
	if err == nil {
		return next, nil
	}
	good.judged, good.Refused = judged, err
	return good, nil
}

// loadNew loads the settings and notes that it parses them. If the file has the content of the last
// known good settings, it returns good. It also returns the digest of the file's content.
func loadNew(o Options, good *Loaded) (*Loaded, digest, error) {
	content, file, err := readFile(o.File)
	if err != nil {
		return nil, digest{}, err
	}
	d := digestOf(content)
	switch {
	case good != nil && bytes.Equal(content, good.content):
		return good, d, nil
	case file == "":
		next, err := parse(o, nil, "")
		return next, digest{}, err
	case o.diedParsing(d):
		return nil, d, fmt.Errorf("%s: %w", file, errDied)
	}
	o.beginParsing(d)
	next, err := parse(o, content, file)
	if err != nil {
		o.endParsing()
	}
	return next, d, err
}

// saveLastKnownGood saves settings that are in force, for AtStart.
func saveLastKnownGood(o Options, l *Loaded) error {
	path := o.lastKnownGood()
	if o.Host || l.File == "" {
		return nil
	}
	if saved, err := smallfile.Read(path, contract.MaxSettingsBytes); err == nil && bytes.Equal(saved, l.content) {
		return nil
	}
	return atomicfile.WriteFile(path, l.content, 0o600)
}
