//go:build !windows

package config

import "github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"

const (
	system   = contract.SystemLinux
	hostMode = contract.Host
)

// DefaultFile is the settings file that is used if no other one is named and it exists.
const DefaultFile = contract.SettingsFile
