package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// needsNewPod returns an error if settings need what was fixed when the pod was admitted.
func needsNewPod(running, next *settings) error {
	var reasons []string
	known := running.storeDirs()
	for _, dir := range next.storeDirs() {
		if !slices.Contains(known, dir) && !mounted(dir) {
			reasons = append(reasons, fmt.Sprintf("certificateStoreLocation %s needs a new pod: it is not mounted in this one", dir))
		}
	}
	for _, fixed := range []struct {
		name    string
		changed bool
	}{
		{"port", next.Port != running.Port},
		{"credential", otherCredential(running, next)},
		{"keystorePasswordFile", next.KeystorePasswordFile != running.KeystorePasswordFile},
		{"reload.process", running.Reload.Process == "" && next.Reload.Process != ""}, // it takes a shared process namespace
	} {
		if fixed.changed {
			reasons = append(reasons, fmt.Sprintf("another %s needs a new pod", fixed.name))
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return errors.New(strings.Join(reasons, "; "))
}

// needsRestart returns an error if settings need what the process does only when it starts.
func needsRestart(running, next *settings) error {
	switch {
	case next.Port != running.Port:
		return errors.New("another port needs a restart of certsync")
	case otherCredential(running, next):
		return errors.New("another credential or msiEndpoint needs a restart of certsync")
	}
	return nil
}

func otherCredential(running, next *settings) bool {
	return next.Credential != running.Credential || next.MSIEndpoint != running.MSIEndpoint
}

// mounted says whether there is a volume at a directory, as there is at every store that the pod was admitted with: also
// at one that an edit in between did without. An unreadable list has none.
//
// Source: proc_pid_mountinfo(5)
func mounted(dir string) bool {
	list, _ := os.ReadFile("/proc/self/mountinfo")
	escaped := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(dir)
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == escaped {
			return true
		}
	}
	return false
}

// storeDirs are the directories of all stores, sorted.
func (s *settings) storeDirs() []string {
	var dirs []string
	for _, c := range s.Certificates {
		dirs = append(dirs, c.Store)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
