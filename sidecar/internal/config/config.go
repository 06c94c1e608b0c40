// Package config holds the configuration that is in force: it loads the settings from the file and
// the variable, validates them together, and follows edits of the file.
//
// It guarantees that:
//   - An edit takes effect as a whole or not at all. A refused edit leaves the running
//     configuration in force, and the reason is reported.
//   - In a pod, a refused edit does not stop a container that restarts either: it continues with
//     the last known good settings.
//   - In a pod, settings with which the process dies are not parsed again after a restart.
//   - An edit that needs what only admission or the start of the process can provide is refused: in
//     a pod with "needs a new pod", on a host with "needs a restart".
//
// It does not apply the configuration to the rest of the program; see Target.
package config

import (
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Options are the command line's part of the configuration.
type Options struct {
	// File is the settings file, or a config directory of Azure's guest agent. If it is empty,
	// DefaultFile is used where it exists.
	File string
	// Host selects the rules of a host in place of those of a pod.
	Host bool
	// NoCertificates accepts settings from the variable alone that observe no certificate, or no
	// settings at all: the process serves the metadata endpoint.
	NoCertificates bool
	// StateDir is the directory of the last known good settings. It must live as long as the pod.
	StateDir string

	// afterNote, if set, is called between beginParsing and the parser. Tests use it to end the
	// process.
	afterNote func()
}

// Loaded is a validated configuration and its origin.
type Loaded struct {
	*contract.Config
	// Warnings are those of Validate.
	Warnings []string
	// File is the settings file; empty if there is none.
	File string
	// Sequence is the number of settings from Azure's guest agent; 0 for all others.
	Sequence int
	// Refused is why newer settings are not in force; only AtStart sets it.
	Refused error

	content []byte // of File
	judged  digest // of the content of File that led to this configuration or to Refused
	text    string // of the settings: equal if and only if the settings are
}

// stores returns the directories of all stores, sorted.
func (l *Loaded) stores() []string {
	var dirs []string
	for _, c := range l.Certificates {
		dirs = append(dirs, c.Store)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
