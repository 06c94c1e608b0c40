package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/sandbox"
)

const (
	vaultHost = "example-vault.vault.azure.net"
	tenantID  = "11111111-2222-3333-4444-555555555555"
	clientID  = "22222222-2222-2222-2222-222222222222"
	issuer    = "https://cluster.example/issuer"
	subject   = "system:serviceaccount:shop:web"
)

// certificates is the number of certificates in the vault.
const certificates = 100

// azureSandbox is an emulated Azure in a sandbox for the sidecar.
type azureSandbox struct {
	*azure.Emulator
	sandbox *sandbox.Sandbox
	token   string // file
	stores  string // directory in memory, as in a pod; it exists only in the sandbox
	served  chan error
}

// newAzureSandbox creates a vault with certificates and their chains in Key Vault's default format:
// RSA-2048 in PKCS #12.
func newAzureSandbox(ctx context.Context, temp string) (*azureSandbox, error) {
	tokens, err := azure.NewTokenIssuer(issuer)
	if err != nil {
		return nil, err
	}
	config := azure.Config{
		Issuers: []azure.Issuer{tokens.Config()},
		Applications: []azure.Application{{ClientID: clientID, Tenant: tenantID, FederatedCredentials: []azure.FederatedCredential{
			{Issuer: issuer, Subject: subject},
		}}},
		Vaults: []azure.Vault{{Host: vaultHost, Tenant: tenantID}},
		Grants: []azure.Grant{{Vault: vaultHost, ClientID: clientID}},
	}
	for i := range certificates {
		config.Certificates = append(config.Certificates, azure.Certificate{Vault: vaultHost, Name: certificateName(i), Key: azure.RSA2048})
	}
	e, err := azure.New(azure.Options{Config: config})
	if err != nil {
		return nil, err
	}
	assertion, err := tokens.Sign(azure.Assertion{Subject: subject})
	if err != nil {
		return nil, err
	}
	w := &azureSandbox{Emulator: e, token: filepath.Join(temp, "token"), stores: filepath.Join(temp, "stores"), served: make(chan error, 1)}
	if err := os.WriteFile(w.token, []byte(assertion), 0o600); err != nil {
		return nil, err
	}
	if err := os.Mkdir(w.stores, 0o755); err != nil {
		return nil, err
	}
	return w, w.open(ctx)
}

// open creates the sandbox and starts the emulator in it.
func (w *azureSandbox) open(ctx context.Context) (err error) {
	if w.sandbox, err = sandbox.New(azure.Hosts("127.0.0.1", vaultHost)); err != nil {
		return err
	}
	var l net.Listener
	if err = w.sandbox.Run(exec.CommandContext(ctx, "mount", "-t", "tmpfs", "stores", w.stores)); err == nil {
		l, err = w.sandbox.Listen("tcp", "127.0.0.1:443")
	}
	if err != nil {
		w.sandbox.Close()
		return err
	}
	go func() { w.served <- w.Serve(l) }()
	return nil
}

// shutDown ends the emulator and the programs in the sandbox.
func (w *azureSandbox) shutDown() {
	_ = w.Close() // the state is not needed any more
	<-w.served    //nolint:errcheck // reports only that it was closed
	w.sandbox.Close()
}

// renewAll creates a new version of every certificate.
func (w *azureSandbox) renewAll(ctx context.Context) error {
	for i := range certificates {
		if _, err := w.Renew(ctx, azure.Renewal{Vault: vaultHost, Name: certificateName(i)}); err != nil {
			return err
		}
	}
	return nil
}

// delay delays every response from now on.
func (w *azureSandbox) delay(ctx context.Context, d time.Duration) error {
	if err := w.ClearFaults(ctx); err != nil || d == 0 {
		return err
	}
	_, err := w.InjectFault(ctx, azure.Fault{Delay: azure.Duration(d)})
	return err
}

// requestCounts are the numbers of requests for secrets and tokens.
type requestCounts struct{ gets, tokens, other int }

func (w *azureSandbox) requestCounts(ctx context.Context) (requestCounts, error) {
	c, err := w.Counts(ctx, azure.Filter{})
	if err != nil {
		return requestCounts{}, err
	}
	refused, err := w.Counts(ctx, azure.Filter{Service: azure.ServiceKeyVault, Status: http.StatusTooManyRequests})
	if err != nil {
		return requestCounts{}, err
	}
	return requestCounts{c.SecretGets - refused.SecretGets, c.Tokens, c.Requests - c.SecretGets - c.Tokens}, nil
}

// settings returns the settings of a sidecar with the first n certificates.
func settings(store string, n int) string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf("https://%s/secrets/%s", vaultHost, certificateName(i))
	}
	text, _ := json.Marshal(map[string]any{"secretsManagementSettings": map[string]any{
		"certificateStoreLocation": store, "observedCertificates": urls,
	}}) // encoding strings cannot fail
	return string(text)
}

func certificateName(i int) string { return fmt.Sprintf("certificate%02d", i) }
