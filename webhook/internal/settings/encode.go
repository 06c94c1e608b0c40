package settings

import (
	"fmt"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Placement is what the pod adds to its settings.
type Placement struct {
	// Readers are those of contract.SecretsManagement: who is to read files about which the settings do not say it.
	Readers []string
	// Port is the sidecar's, zero where it is the settings' or contract.DefaultPort.
	Port int
}

// Encode returns the value of contract.EnvSettings, and the hash of the settings that result from it. With
// a ConfigMap the value is what overrides the ConfigMap's settings, otherwise it is all settings; "$" is not escaped. The
// error is an *Error if the value is longer than contract.MaxVariableBytes.
func (r *Resolved) Encode(p Placement) (variable, hash string, err error) {
	over := contract.Overlay(r.over, &contract.Settings{SecretsManagement: contract.SecretsManagement{Readers: p.Readers, Port: p.Port}})
	all := contract.Overlay(r.base, over)
	data, err := all.Encode()
	if err != nil {
		return "", "", fmt.Errorf("encoding the settings: %w", err)
	}
	hash = contract.Hash(data)
	if r.ConfigMap != "" {
		if data, err = over.Encode(); err != nil {
			return "", "", fmt.Errorf("encoding what overrides the settings: %w", err)
		}
	}
	if len(data) > contract.MaxVariableBytes {
		return "", "", r.group.inSettings(fmt.Sprintf("the settings are %d bytes long and at most %d fit: "+
			"put them into a ConfigMap and name it in annotation %s%s",
			len(data), contract.MaxVariableBytes, contract.Prefix, contract.KeySettingsConfigMap))
	}
	return string(data), hash, nil
}
