package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// pollSeconds is the shortest polling interval.
const pollSeconds = 10

// chainLength is that of the certificates in a world's vault.
const chainLength = 3

// world is an emulated Azure in a sandbox, with certificates whose versions are numbered.
type world struct {
	*rig.Azure
	names []string // of the certificates
	// holder is a process that lives as long as the sandbox. Through it, readers see its files.
	holder *rig.Process
	root   *x509.Certificate
	base   time.Time // version n expires n seconds after it

	mu       sync.Mutex
	newest   map[string]int // version by name
	verified map[string]int // version by text
}

// specs are the certificates of a world: each kind of key and encoding that matters to the files.
// The elliptic key is new with each version, so that no mixture of two versions goes unnoticed.
var specs = []azure.Certificate{
	{Name: "ec", Key: azure.ECP256},
	{Name: "pem", Key: azure.ECP384, Encoding: azure.PEMEncoded},
	{Name: "rsa", Key: azure.RSA2048, Encoding: azure.PKCS12DES},
}

// newWorld creates a world. The caller ends it.
func (t *trial) newWorld(ctx context.Context) (*world, error) {
	a, err := rig.NewAzure(ctx, t.dir, 0)
	if err != nil {
		return nil, err
	}
	w := &world{Azure: a, base: time.Now().Truncate(time.Second).Add(90 * 24 * time.Hour), newest: map[string]int{}, verified: map[string]int{}}
	if err := w.fill(ctx); err != nil {
		w.End()
		return nil, err
	}
	t.scanner.watch(a.Emulator)
	return w, nil
}

func (w *world) fill(ctx context.Context) (err error) {
	if w.holder, err = rig.Launch("holder", exec.CommandContext(ctx, "sleep", "infinity"), w.Sandbox.Start); err != nil {
		return err
	}
	block, _ := pem.Decode(w.IssuerRootPEM())
	if w.root, err = x509.ParseCertificate(block.Bytes); err != nil {
		return err
	}
	for _, spec := range specs {
		spec.Vault, spec.Chain, spec.NotAfter = rig.VaultHost, chainLength, w.base.Add(time.Second)
		if _, err := w.CreateCertificate(ctx, spec); err != nil {
			return err
		}
		w.names = append(w.names, spec.Name)
		w.newest[spec.Name] = 1
	}
	return nil
}

// view returns the path by which this process sees a path in the sandbox.
func (w *world) view(path string) string { return rig.View(w.holder.PID(), path) }

// inside runs a shell command in the sandbox.
func (w *world) inside(ctx context.Context, script string, args ...string) error {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := w.Sandbox.Run(cmd); err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, &out)
	}
	return nil
}

// renew creates the next version of every certificate.
func (w *world) renew(ctx context.Context) error {
	for _, name := range w.names {
		// The number counts first, since a reader may see the version before Renew returns.
		w.mu.Lock()
		w.newest[name]++
		n := w.newest[name]
		w.mu.Unlock()
		_, err := w.Renew(ctx, azure.Renewal{Vault: rig.VaultHost, Name: name, NotAfter: w.base.Add(time.Duration(n) * time.Second)})
		if err != nil {
			return err
		}
	}
	return nil
}

// versions returns the newest version of each certificate.
func (w *world) versions() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.newest)
}

// settings returns those of a sidecar with all certificates, also in the format of Kubernetes'
// Secrets.
func (w *world) settings(store string) string {
	observed := make([]map[string]any, len(w.names))
	for i, name := range w.names {
		observed[i] = map[string]any{"url": "https://" + rig.VaultHost + "/secrets/" + name, "formats": []string{"pem", "split"}}
	}
	text, _ := json.Marshal(map[string]any{"secretsManagementSettings": map[string]any{
		"certificateStoreLocation": store, "observedCertificates": observed, "pollingIntervalInS": pollSeconds,
	}}) // strings can always be encoded
	return string(text)
}

// verify checks the text of a file in Key Vault's layout and returns the certificate's version:
// leaf, intermediates, root and key are complete, in this order, and fit together.
func (w *world) verify(text []byte) (version int, err error) {
	w.mu.Lock()
	version, known := w.verified[string(text)]
	w.mu.Unlock()
	if known {
		return version, nil
	}
	if version, err = w.parse(text); err == nil {
		w.mu.Lock()
		w.verified[string(text)] = version
		w.mu.Unlock()
	}
	return version, err
}

// parse does that without the texts that are known.
func (w *world) parse(text []byte) (version int, err error) {
	var chain []*x509.Certificate
	block, rest := pem.Decode(text)
	for ; block != nil && block.Type == "CERTIFICATE"; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return 0, fmt.Errorf("torn: %w", err)
		}
		chain = append(chain, c)
	}
	if block == nil || len(rest) > 0 {
		return 0, fmt.Errorf("torn: %d bytes with %d certificates, and %d bytes at the end that are not PEM", len(text), len(chain), len(rest))
	}
	if err := matches(chain, block.Bytes); err != nil {
		return 0, err
	}
	return w.number(chain)
}

// matches checks that a key belongs to the leaf.
func matches(chain []*x509.Certificate, der []byte) error {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return fmt.Errorf("torn: the key: %w", err)
	}
	if len(chain) == 0 {
		return errors.New("torn: no certificate before the key")
	}
	public, ok := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if signer, isSigner := key.(crypto.Signer); !ok || !isSigner || !public.Equal(signer.Public()) {
		return errors.New("the key does not match the certificate")
	}
	return nil
}

// number checks a chain and returns the version of its leaf.
func (w *world) number(chain []*x509.Certificate) (int, error) {
	if len(chain) != chainLength || !slices.ContainsFunc(chain, w.root.Equal) {
		return 0, fmt.Errorf("the chain has %d certificates, want %d with the root", len(chain), chainLength)
	}
	for i := range len(chain) - 1 {
		if err := chain[i].CheckSignatureFrom(chain[i+1]); err != nil {
			return 0, fmt.Errorf("certificate %d of the chain is not signed by the next: %w", i, err)
		}
	}
	version := int(chain[0].NotAfter.Sub(w.base) / time.Second)
	w.mu.Lock()
	newest := w.newest[chain[0].Subject.CommonName]
	w.mu.Unlock()
	if version < 1 || version > newest {
		return 0, fmt.Errorf("version %d of %q does not exist", version, chain[0].Subject.CommonName)
	}
	return version, nil
}
