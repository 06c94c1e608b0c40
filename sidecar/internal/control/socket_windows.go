package control

import (
	"os"
	"path/filepath"
)

// DefaultSocket is the socket of the running process.
var DefaultSocket = filepath.Join(os.Getenv("ProgramData"), "certsync", "certsync.sock")
