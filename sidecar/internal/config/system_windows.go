package config

import (
	"os"
	"path/filepath"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	system   = contract.SystemWindows
	hostMode = contract.Windows
)

// DefaultFile is the settings file that is used if no other one is named and it exists.
var DefaultFile = filepath.Join(os.Getenv("ProgramData"), "certsync", "settings.json")
