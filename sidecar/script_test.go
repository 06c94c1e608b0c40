package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/sandbox"
)

const (
	scripts = "testdata/script"
	tenant  = "11111111-2222-3333-4444-555555555555"
	// The second vault belongs to another tenant and has a different identity.
	otherTenant = "99999999-2222-3333-4444-555555555555"
	otherVault  = "other.vault.azure.net"

	issuerURL = "https://cluster.example/issuer"
	subject   = "system:serviceaccount:shop:web"
)

// TestMain runs the tests in a network that has only loopback, where Entra ID and the vaults have
// their real names, so that the program under test runs in its production configuration.
func TestMain(m *testing.M) {
	var vaults []string
	for _, dir := range []string{scripts, wineScripts} {
		files, err := filepath.Glob(dir + "/*.txtar")
		if err != nil {
			panic(err) // the pattern is a constant
		}
		for _, script := range files {
			vaults = append(vaults, vaultOf(strings.TrimSuffix(filepath.Base(script), ".txtar")))
		}
	}
	// Scripts mostly wait for the next poll, so more of them run in parallel than there are
	// processors.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err) // the testing package defines the flag
	}
	sandbox.Enter(azure.Hosts("127.0.0.1", append(vaults, otherVault)...))
	testscript.Main(m, map[string]func(){"certsync": main})
}

// vaultOf returns the vault of a script. Each script has one with its name, so that scripts can run
// in parallel.
func vaultOf(script string) string { return script + ".vault.azure.net" }

// clientIDOf returns the client ID of a script.
func clientIDOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return fmt.Sprintf("%x-0000-4000-8000-000000000000", sum[:4])
}

// TestScripts runs the program as users do; each script in testdata/script is one page of a
// specification. The files script*_test.go define the commands that testscript does not have.
func TestScripts(t *testing.T) {
	w := newWorld(t)
	w.serveMetadata(t)
	testscript.Run(t, testscript.Params{
		Dir:                 scripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               w.setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"settings": settingsCommand,
			"vault":    w.vaultCommand,
			"counts":   w.countsCommand,
			"holds":    w.holdsCommand,
			"serves":   w.servesCommand,
			"proxy":    proxyCommand,
			"awaits":   awaitsCommand,
			"tmpfs":    tmpfsCommand,
			"ramfs":    ramfsCommand,
			"lease":    leaseCommand,

			"forwarded": forwardedCommand,
			"token":     tokenCommand,
			"get":       getCommand,
			"post":      postCommand,
			"signal":    signalCommand,
		},
	})
}

// world is the emulated Azure and the cluster that signs service-account tokens.
type world struct {
	*azure.Emulator
	issuer *azure.TokenIssuer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	issuer, err := azure.NewTokenIssuer(issuerURL)
	check(t, err)
	e, err := azure.New(azure.Options{Config: azure.Config{Issuers: []azure.Issuer{issuer.Config()}}})
	check(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:443")
	check(t, err)
	served := make(chan error, 1)
	go func() { served <- e.Serve(l) }()
	t.Cleanup(func() {
		check(t, e.Close())
		check(t, <-served)
	})
	return &world{Emulator: e, issuer: issuer}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// setUp creates the vault of a script, an identity that may read it, a token, and a pod's
// variables.
func (w *world) setUp(env *testscript.Env) error {
	script := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	clientID := clientIDOf(script)
	if err := w.addVault(vaultOf(script), clientID, tenant); err != nil {
		return err
	}
	token, err := w.issuer.Sign(azure.Assertion{Subject: subject})
	if err != nil {
		return err
	}
	tokenFile := filepath.Join(env.WorkDir, "token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"VAULT": vaultOf(script), "STORE": filepath.Join(env.WorkDir, "store"), "PORT": port, "SOCKET": filepath.Join(env.WorkDir, "s"),
		"AZURE_CLIENT_ID": clientID, "OWN_CLIENT_ID": clientID, "AZURE_TENANT_ID": tenant, "AZURE_FEDERATED_TOKEN_FILE": tokenFile,
		"CERTSYNC_EXTRA_CA": string(w.CACertPEM()),
	} {
		env.Setenv(name, value)
	}
	return nil
}

// addVault adds a vault and an identity of its tenant that may read it.
func (w *world) addVault(vault, clientID, tenant string) error {
	return w.Apply(context.Background(), azure.Config{
		Applications: []azure.Application{{ClientID: clientID, Tenant: tenant, FederatedCredentials: []azure.FederatedCredential{
			{Issuer: issuerURL, Subject: subject},
		}}},
		Vaults: []azure.Vault{{Host: vault, Tenant: tenant}},
		Grants: []azure.Grant{{Vault: vault, ClientID: clientID}},
	})
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}
