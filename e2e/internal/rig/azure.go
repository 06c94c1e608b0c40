package rig

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

// What the emulated Azure knows.
const (
	VaultHost = "example-vault.vault.azure.net"
	TenantID  = "11111111-2222-3333-4444-555555555555"
	ClientID  = "22222222-2222-2222-2222-222222222222"
	issuer    = "https://cluster.example/issuer"
	subject   = "system:serviceaccount:shop:web"
)

// Azure is an emulated Azure in a sandbox, for the sidecar.
type Azure struct {
	*azure.Emulator
	Sandbox      *sandbox.Sandbox
	certificates int
	issuer       *azure.TokenIssuer
	token        string // file
	stores       string // directory in memory, as a pod's stores are; it exists in the sandbox only
	served       chan error
}

// NewAzure fills a vault with n certificates of Key Vault's default kind, RSA-2048 in PKCS #12,
// with their chains.
func NewAzure(ctx context.Context, temp string, n int) (*Azure, error) {
	tokens, err := azure.NewTokenIssuer(issuer)
	if err != nil {
		return nil, err
	}
	config := azure.Config{
		Issuers: []azure.Issuer{tokens.Config()},
		Applications: []azure.Application{{ClientID: ClientID, Tenant: TenantID, FederatedCredentials: []azure.FederatedCredential{
			{Issuer: issuer, Subject: subject},
		}}},
		Vaults: []azure.Vault{{Host: VaultHost, Tenant: TenantID}},
		Grants: []azure.Grant{{Vault: VaultHost, ClientID: ClientID}},
	}
	for i := range n {
		config.Certificates = append(config.Certificates, azure.Certificate{Vault: VaultHost, Name: certificateName(i), Key: azure.RSA2048})
	}
	e, err := azure.New(azure.Options{Config: config})
	if err != nil {
		return nil, err
	}
	w := &Azure{
		Emulator: e, certificates: n, issuer: tokens, token: filepath.Join(temp, "token"), stores: filepath.Join(temp, "stores"),
		served: make(chan error, 1),
	}
	assertion, err := w.Assertion(time.Time{})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(w.token, []byte(assertion), 0o600); err != nil {
		return nil, err
	}
	if err := os.Mkdir(w.stores, 0o755); err != nil {
		return nil, err
	}
	return w, w.open(ctx)
}

// Assertion signs a new token for the sidecar's token file. It was issued at this time, zero for
// now, and is valid for an hour.
func (w *Azure) Assertion(issued time.Time) (string, error) {
	return w.issuer.Sign(azure.Assertion{Subject: subject, IssuedAt: issued})
}

// TokenFile is the sidecar's token file, which is outside of the sandbox.
func (w *Azure) TokenFile() string { return w.token }

// View returns the path by which this process sees a path in the sandbox, while the process with
// this ID runs there.
func View(pid int, path string) string { return fmt.Sprintf("/proc/%d/root%s", pid, path) }

// open creates the sandbox and serves in it.
func (w *Azure) open(ctx context.Context) (err error) {
	if w.Sandbox, err = sandbox.New(azure.Hosts("127.0.0.1", VaultHost)); err != nil {
		return err
	}
	var l net.Listener
	if err = w.Sandbox.Run(exec.CommandContext(ctx, "mount", "-t", "tmpfs", "stores", w.stores)); err == nil {
		l, err = w.Sandbox.Listen("tcp", "127.0.0.1:443")
	}
	if err != nil {
		w.Sandbox.Close()
		return err
	}
	go func() { w.served <- w.Serve(l) }()
	return nil
}

// End ends the emulator and what runs in the sandbox.
func (w *Azure) End() {
	_ = w.Close() // nothing is kept
	<-w.served    //nolint:errcheck // it only reports that it was closed
	w.Sandbox.Close()
}

// RenewAll creates a further version of every certificate.
func (w *Azure) RenewAll(ctx context.Context) error {
	for i := range w.certificates {
		if _, err := w.Renew(ctx, azure.Renewal{Vault: VaultHost, Name: certificateName(i)}); err != nil {
			return err
		}
	}
	return nil
}

// Delay makes every answer take longer, from now on.
func (w *Azure) Delay(ctx context.Context, d time.Duration) error {
	if err := w.ClearFaults(ctx); err != nil || d == 0 {
		return err
	}
	_, err := w.InjectFault(ctx, azure.Fault{Delay: azure.Duration(d)})
	return err
}

// Asked counts the requests for secrets, for tokens, and others.
type Asked struct{ Gets, Tokens, Other int }

// Asked returns the requests that the emulator has received so far.
func (w *Azure) Asked(ctx context.Context) (Asked, error) {
	c, err := w.Counts(ctx, azure.Filter{})
	if err != nil {
		return Asked{}, err
	}
	refused, err := w.Counts(ctx, azure.Filter{Service: azure.ServiceKeyVault, Status: http.StatusTooManyRequests})
	if err != nil {
		return Asked{}, err
	}
	return Asked{c.SecretGets - refused.SecretGets, c.Tokens, c.Requests - c.SecretGets - c.Tokens}, nil
}

// Settings are those of a sidecar with the first n certificates.
func Settings(store string, n int) string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf("https://%s/secrets/%s", VaultHost, certificateName(i))
	}
	text, _ := json.Marshal(map[string]any{"secretsManagementSettings": map[string]any{
		"certificateStoreLocation": store, "observedCertificates": urls,
	}}) // strings can always be encoded
	return string(text)
}

func certificateName(i int) string { return fmt.Sprintf("certificate%02d", i) }
