// Package statusfile writes the status where people and programs look for that of the Key Vault VM
// extension: in a file with a name of their choice, and in <sequence number>.status of a directory.
//
// It guarantees that a reader sees the old or the new content. It never ends the program because a
// file cannot be written.
package statusfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/atomicfile"
)

// Files are the files to write. Either may be empty, which means none. The methods are safe for
// concurrent use.
type Files struct {
	// File is the path of a file.
	File string
	// Dir is a directory for <sequence number>.status; it is created if it is missing.
	//
	// Source: https://github.com/Azure/azure-vmextension-publishing, "Status file"
	Dir string

	mu       sync.Mutex
	sequence int
}

// SetSequence sets the number of the settings that the status is about.
func (f *Files) SetSequence(number int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sequence = number
}

// Write writes what content returns to the files. The error is about each file that cannot be
// written.
func (f *Files) Write(content func() []byte) error {
	if f.File == "" && f.Dir == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	status := content() // with the lock held, so that the newest is written last
	var errs []error
	if f.File != "" {
		errs = append(errs, atomicfile.WriteFile(f.File, status, 0o644))
	}
	if f.Dir != "" {
		err := os.MkdirAll(f.Dir, 0o755)
		if err == nil {
			err = atomicfile.WriteFile(filepath.Join(f.Dir, fmt.Sprintf("%d.status", f.sequence)), status, 0o644)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
