package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/atomicfile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/smallfile"
)

// parsingFile contains the digest of new settings of a pod from before they are parsed until they
// are in force. If the process dies in between, for example because it has no memory left, the note
// stays: a container that restarts does not parse these settings again, since it would die again.
const parsingFile = "settings.parsing"

var errDied = errors.New("certsync ended while it read these settings, so it does not read them again: " +
	"edit them, or create the pod again to try the same settings once more")

// digest identifies the content of a settings file. The zero value stands for no file.
type digest [sha256.Size]byte

func digestOf(content []byte) digest { return sha256.Sum256(content) }

func (d digest) note() string { return hex.EncodeToString(d[:]) + "\n" }

func (o Options) parsing() string { return filepath.Join(o.StateDir, parsingFile) }

// beginParsing notes that the process parses new settings. A failure is not an error: settings do
// not need the note, and saveLastKnownGood reports a directory that cannot be written. On a host,
// only an administrator edits the settings, and several processes may use one directory.
func (o Options) beginParsing(d digest) {
	if !o.Host {
		_ = atomicfile.WriteFile(o.parsing(), []byte(d.note()), 0o600) // see above
	}
	if o.afterNote != nil {
		o.afterNote()
	}
}

// endParsing removes the note that the process parses new settings.
func (o Options) endParsing() {
	if !o.Host {
		_ = os.Remove(o.parsing()) // usually it does not exist
	}
}

// EndParsing removes the note that the process parses the settings that AtStart has returned:
// Watcher.Start calls it when they are in force, and a process that ends before that with an error
// calls it itself. The note of an earlier process that died stays.
func (l *Loaded) EndParsing(o Options) {
	if !errors.Is(l.Refused, errDied) {
		o.endParsing()
	}
}

// diedParsing reports whether an earlier process died while it parsed these settings.
func (o Options) diedParsing(d digest) bool {
	note, err := smallfile.Read(o.parsing(), 2*int64(len(d))+1)
	return err == nil && string(note) == d.note()
}
