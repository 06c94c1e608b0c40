package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// needsNewPod returns an error if the next configuration changes what admission has fixed for the
// pod.
func needsNewPod(running, next *Loaded) error {
	var reasons []string
	known := running.stores()
	for _, dir := range next.stores() {
		if !slices.Contains(known, dir) && !isMountPoint(dir) {
			reasons = append(reasons, fmt.Sprintf("certificateStoreLocation %s needs a new pod: it is not mounted in this one", dir))
		}
	}
	for _, setting := range []struct {
		name    string
		changed bool
	}{
		{"port", next.Port != running.Port},
		{"credential", changesCredential(running, next)},
		{"keystorePasswordFile", next.KeystorePasswordFile != running.KeystorePasswordFile},
		// A signal needs a shared process namespace.
		{"reload.process", running.Reload.Process == "" && next.Reload.Process != ""},
	} {
		if setting.changed {
			reasons = append(reasons, fmt.Sprintf("another %s needs a new pod", setting.name))
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return errors.New(strings.Join(reasons, "; "))
}

// needsRestart returns an error if the next configuration changes what the process sets up only
// when it starts.
func needsRestart(running, next *Loaded) error {
	switch {
	case next.Port != running.Port:
		return errors.New("another port needs a restart of certsync")
	case changesCredential(running, next):
		return errors.New("another credential or msiEndpoint needs a restart of certsync")
	}
	return nil
}

func changesCredential(running, next *Loaded) bool {
	return next.Credential != running.Credential || next.MSIEndpoint != running.MSIEndpoint
}

// isMountPoint reports whether a volume is mounted at a directory. Admission mounts one for every
// store of the pod's first settings, also for a store that a later edit has dropped. If the list of
// mounts cannot be read, the result is false.
//
// Source: proc_pid_mountinfo(5)
func isMountPoint(dir string) bool {
	list, _ := os.ReadFile("/proc/self/mountinfo")
	escaped := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(dir)
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == escaped {
			return true
		}
	}
	return false
}
