package config

import (
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// base is a configuration of a pod with one store.
func base() *Loaded {
	return &Loaded{Config: &contract.Config{
		Certificates: []contract.Certificate{{Store: "/certs"}}, Credential: contract.CredentialWorkloadIdentity,
	}}
}

func TestNeedsNewPod(t *testing.T) {
	for name, test := range map[string]struct {
		change func(next *Loaded)
		want   string
	}{
		"nothing": {func(*Loaded) {}, ""},
		"what can change": {func(n *Loaded) {
			n.PollingInterval, n.Reload.URL = 1, "http://localhost/"
			n.Certificates = append(n.Certificates, contract.Certificate{Store: "/certs", Name: "other"})
		}, ""},
		"a store that is mounted": {func(n *Loaded) { n.Certificates[0].Store = "/proc" }, ""},
		"other stores": {func(n *Loaded) {
			n.Certificates = []contract.Certificate{{Store: "/b"}, {Store: "/a"}, {Store: "/b"}}
		}, "certificateStoreLocation /a needs a new pod: it is not mounted in this one; certificateStoreLocation /b needs a new pod: it is not mounted in this one"},
		"port":              {func(n *Loaded) { n.Port = 1000 }, "another port needs a new pod"},
		"credential":        {func(n *Loaded) { n.Credential = contract.CredentialManagedIdentity }, "another credential needs a new pod"},
		"endpoint":          {func(n *Loaded) { n.MSIEndpoint = "http://localhost/" }, "another credential needs a new pod"},
		"keystore password": {func(n *Loaded) { n.KeystorePasswordFile = "/password" }, "another keystorePasswordFile needs a new pod"},
		"first process":     {func(n *Loaded) { n.Reload.Process = "nginx" }, "another reload.process needs a new pod"},
		"several":           {func(n *Loaded) { n.Port, n.Reload.Process = 1000, "nginx" }, "another port needs a new pod; another reload.process needs a new pod"},
	} {
		t.Run(name, func(t *testing.T) {
			next := base()
			test.change(next)
			wantError(t, needsNewPod(base(), next), test.want)
		})
	}
	// The pod shares its process namespace already.
	running, next := base(), base()
	running.Reload.Process, next.Reload.Process = "nginx", "haproxy"
	wantError(t, needsNewPod(running, next), "")
}

func TestNeedsRestart(t *testing.T) {
	for name, test := range map[string]struct {
		change func(next *Loaded)
		want   string
	}{
		"nothing":     {func(*Loaded) {}, ""},
		"other store": {func(n *Loaded) { n.Certificates[0].Store = "/elsewhere" }, ""},
		"port":        {func(n *Loaded) { n.Port = 1000 }, "another port needs a restart of certsync"},
		"endpoint":    {func(n *Loaded) { n.MSIEndpoint = "http://localhost/" }, "another credential or msiEndpoint needs a restart of certsync"},
	} {
		t.Run(name, func(t *testing.T) {
			next := base()
			test.change(next)
			wantError(t, needsRestart(base(), next), test.want)
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}
