package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// state holds the resources that earlier commands created, by name.
type state struct {
	Groups     map[string]bool
	Clusters   map[string]string // name -> resource group
	Registries map[string]string
	Identities map[string]*identity
	Vaults     map[string]*vault
}

type identity struct {
	Group, ClientID, PrincipalID string
	Credentials                  map[string]azure.FederatedCredential
}

type vault struct {
	Group string
	// Roles are the role assignments: object ID of the one who has the role -> role.
	Roles map[string][]string
}

// load reads the state. A file that does not exist is an empty state.
func load(file string) (*state, error) {
	s := &state{
		Groups: map[string]bool{}, Clusters: map[string]string{}, Registries: map[string]string{},
		Identities: map[string]*identity{}, Vaults: map[string]*vault{},
	}
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(content, s)
}

func (s *state) save(file string) error {
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}

// groupExists reports a resource group that was not created.
func (s *state) groupExists(name string) error {
	if s.Groups[name] {
		return nil
	}
	return fmt.Errorf("(ResourceGroupNotFound) Resource group '%s' could not be found", name)
}

// found returns an element, or the error of Azure for a resource that does not exist.
func found[T any](resources map[string]T, kind, name string) (T, error) {
	r, ok := resources[name]
	if !ok {
		return r, fmt.Errorf("(ResourceNotFound) The Resource '%s/%s' was not found", kind, name)
	}
	return r, nil
}
