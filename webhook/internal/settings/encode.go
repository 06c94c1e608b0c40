package settings

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Access is what the pod adds to its settings: who is to read the files, and which port is free.
type Access struct {
	// FileMode is in octal, as in "0640"; empty leaves it to the settings.
	FileMode string
	// Users may read the files, each by an ACL entry. Certificates that have ACL entries of their own keep those.
	Users []int64
	// Port is zero where the settings' is free.
	Port int
}

// CanList reports whether Access.Users can be said: the entries of a ConfigMap are out of reach of annotations.
func (r *Resolved) CanList() bool { return r.ConfigMap == "" }

// Encode returns the value of contract.EnvSettings, and the hash of the settings that result from it. With
// a ConfigMap the value is what overrides the ConfigMap's settings, otherwise it is all settings; "$" is not escaped. The
// error is an *Error if the value is longer than contract.MaxVariableBytes.
func (r *Resolved) Encode(a Access) (variable, hash string, err error) {
	over := contract.Overlay(r.over, &contract.Settings{SecretsManagement: contract.SecretsManagement{FileMode: a.FileMode, Port: a.Port}})
	all := contract.Overlay(r.base, over)
	if len(a.Users) > 0 && r.CanList() {
		r.listUsers(all, a.Users)
	}
	if hash, err = all.Hash(); err != nil {
		return "", "", fmt.Errorf("hashing the settings: %w", err)
	}
	if r.ConfigMap == "" {
		over = all
	}
	data, err := over.Encode()
	if err != nil {
		return "", "", fmt.Errorf("encoding the settings: %w", err)
	}
	if len(data) > contract.MaxVariableBytes {
		return "", "", r.group.inSettings(fmt.Sprintf("the settings are %d bytes long and at most %d fit: "+
			"put them into a ConfigMap and name it in annotation %s%s",
			len(data), contract.MaxVariableBytes, contract.Prefix, contract.KeySettingsConfigMap))
	}
	return string(data), hash, nil
}

// listUsers adds an ACL for the users to each certificate that has none in effect.
func (r *Resolved) listUsers(s *contract.Settings, users []int64) {
	acls := make([]contract.ACL, len(users))
	for i, u := range users {
		acls[i].User = strconv.FormatInt(u, 10)
	}
	management := &s.SecretsManagement
	enabled := management.ACLEnabled != nil && *management.ACLEnabled
	for i := range management.ObservedCertificates {
		entry := &management.ObservedCertificates[i]
		if !enabled || !slices.ContainsFunc(entry.ACLs, byNumber) {
			entry.ACLs = acls
		}
	}
	enabled = true
	management.ACLEnabled = &enabled
}

// byNumber reports whether an ACL entry holds in a pod, where names say nothing.
func byNumber(a contract.ACL) bool {
	_, user := contract.ParseID(a.User)
	_, group := contract.ParseID(a.Group)
	return user || group
}
