package main

import (
	"bytes"
	"cmp"
	"log/slog"
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// lastGoodFile has the settings file as it was when it could last be used. The pod's settings file may be
// edited at any time, and its container may end at any time: with a bad edit in place it must come back as
// it was. It lives as long as the pod, as the limits do that needsNewPod knows.
const lastGoodFile = "settings.good.json"

// startSettings returns the settings to begin with: those that loadSettings finds or, in a pod where these
// are an edit that cannot be used, the last ones that could, with the reason in refused. The error is
// loadSettings', where there are no earlier ones.
func startSettings(o options) (*settings, error) {
	if o.host || o.check {
		return loadSettings(o)
	}
	earlier := o
	earlier.settings = o.beside(lastGoodFile)
	good, none := loadSettings(earlier)
	if none != nil {
		return loadSettings(o)
	}
	o.settings = cmp.Or(o.settings, contract.SettingsFile) // there was one: that it is gone is an edit, too
	next, err := loadSettings(o)
	if err == nil {
		err = needsNewPod(good, next)
	}
	if err == nil {
		return next, nil
	}
	good.file = o.settings
	good.refused = err
	return good, nil
}

// keepGood notes settings that are in use, for startSettings.
func keepGood(o options, s *settings, log *slog.Logger) {
	path := o.beside(lastGoodFile)
	if o.host || s.file == "" {
		return
	}
	if kept, err := os.ReadFile(path); err == nil && bytes.Equal(kept, s.content) {
		return
	}
	err := os.WriteFile(path+".new", s.content, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		log.Warn("settings cannot be noted: after a restart of the container a bad edit of them would end it", "error", err)
	}
}
