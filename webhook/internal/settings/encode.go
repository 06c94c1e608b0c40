package settings

import (
	"fmt"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Placement has the settings that depend on the other containers of the pod.
type Placement struct {
	// Readers is the setting of this name: see contract.SecretsManagement.
	Readers []string
	// Port is the port of the sidecar. Zero means the port of the settings, or
	// contract.DefaultPort.
	Port int
}

// Encode returns the value of contract.EnvSettings and the hash of the resulting settings. If there
// is a ConfigMap, the value has only the settings that override those of the ConfigMap. Otherwise
// it has all settings. "$" is not escaped. The error is an *Error if the value is longer than
// contract.MaxVariableBytes.
func (r *Resolved) Encode(p Placement) (variable, hash string, err error) {
	over := contract.Overlay(r.over, &contract.Settings{SecretsManagement: contract.SecretsManagement{Readers: p.Readers, Port: p.Port}})
	all := contract.Overlay(r.base, over)
	data, err := all.Encode()
	if err != nil {
		return "", "", fmt.Errorf("cannot encode the settings: %w", err)
	}
	hash = contract.Hash(data)
	if r.ConfigMap != "" {
		if data, err = over.Encode(); err != nil {
			return "", "", fmt.Errorf("cannot encode the settings that override the ConfigMap: %w", err)
		}
	}
	if len(data) > contract.MaxVariableBytes {
		return "", "", r.group.inSettings(fmt.Sprintf("the settings are %d bytes long, but at most %d are allowed: "+
			"move them to a ConfigMap and set its name in annotation %s%s",
			len(data), contract.MaxVariableBytes, contract.Prefix, contract.KeySettingsConfigMap))
	}
	return string(data), hash, nil
}
