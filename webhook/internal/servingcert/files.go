package servingcert

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

const (
	// readInterval is the interval at which the files are read. The kubelet updates the files of a
	// mounted Secret about once a minute.
	readInterval = 5 * time.Second
	// expiryWarning is the time before the expiry at which the log starts to warn about it.
	expiryWarning = 7 * 24 * time.Hour
	// expiryWarningInterval is the interval of these warnings.
	expiryWarningInterval = 6 * time.Hour
)

// Files serves a certificate that cert-manager or an administrator maintains, together with the
// caBundle. It reads the certificate from the files of a mounted Secret.
//
// A certificate that the API server would refuse does not replace one that it accepts. A replica
// without an acceptable certificate does not become ready, so that a rollout stops.
type Files struct {
	names Names
	dir   string
	log   *slog.Logger

	serving atomic.Pointer[tls.Certificate]
	wake    chan struct{}

	mu         sync.Mutex
	config     *admissionregistrationv1.MutatingWebhookConfiguration
	configSeen bool
	problem    error // why the certificate in the files cannot be used
	trusted    bool  // the caBundle has trusted a certificate once; from then on the replica is ready

	// Only Run uses the following fields.
	certPEM, keyPEM []byte // last content of the files
	candidate       *pair  // parsed from it, or nil
	readError       error  // why candidate is nil
	lastLogged      string // last problem that was logged
	lastWarned      time.Time
}

// NewFiles returns a Files that serves nothing yet. dir contains tls.crt and tls.key of the Secret
// names.Secret.
func NewFiles(dir string, names Names, log *slog.Logger) *Files {
	f := &Files{names: names, dir: dir, log: log, wake: make(chan struct{}, 1)}
	f.problem = fmt.Errorf("the MutatingWebhookConfiguration %s has not been read yet", names.Configuration)
	return f
}

// GetCertificate implements tls.Config.GetCertificate.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := f.serving.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("the webhook has no certificate yet")
}

// Ready returns nil if the served certificate has not expired and the caBundle has trusted a
// certificate at least once. Otherwise the error describes the problem with the Secret or the
// caBundle, and the remedy.
func (f *Files) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.serving.Load()
	if c != nil && f.trusted && time.Now().Before(c.Leaf.NotAfter) {
		return nil
	}
	return f.problem
}

// ObserveConfiguration receives the current MutatingWebhookConfiguration, or nil if it does not
// exist.
func (f *Files) ObserveConfiguration(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	f.mu.Lock()
	f.config, f.configSeen = c, true
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run follows the files and the caBundle until ctx ends.
func (f *Files) Run(ctx context.Context) {
	for ctx.Err() == nil {
		f.step(time.Now())
		select {
		case <-ctx.Done():
		case <-f.wake:
		case <-time.After(readInterval):
		}
	}
}

// step reads the files and decides which certificate to serve.
func (f *Files) step(now time.Time) {
	f.read()
	f.mu.Lock()
	config, configSeen := f.config, f.configSeen
	f.mu.Unlock()
	if !configSeen {
		return // ObserveConfiguration wakes Run
	}
	problem := f.readError
	if problem == nil {
		problem = f.check(f.candidate, config, now)
	}
	served := f.serving.Load()
	switch {
	case problem == nil:
		f.serve(f.candidate.tls)
	case f.candidate != nil && (served == nil || !now.Before(served.Leaf.NotAfter)):
		f.serve(f.candidate.tls) // the only option; an API server with another clock may accept it
	}
	f.mu.Lock()
	f.problem, f.trusted = problem, f.trusted || problem == nil
	f.mu.Unlock()
	f.logProblem(problem, now)
}

// read reads both files from the same version of the Secret.
func (f *Files) read() {
	dir := f.dir
	if version, err := filepath.EvalSymlinks(filepath.Join(dir, "..data")); err == nil {
		dir = version
	}
	certPEM, certErr := os.ReadFile(filepath.Join(dir, keyCert))
	keyPEM, keyErr := os.ReadFile(filepath.Join(dir, keyKey))
	if err := errors.Join(certErr, keyErr); err != nil {
		f.certPEM, f.keyPEM, f.candidate = nil, nil, nil
		f.readError = f.secretError("has no "+keyCert+" and "+keyKey, err, "add them")
		return
	}
	if f.candidate != nil && bytes.Equal(certPEM, f.certPEM) && bytes.Equal(keyPEM, f.keyPEM) {
		return
	}
	f.certPEM, f.keyPEM, f.readError = certPEM, keyPEM, nil
	var err error
	if f.candidate, err = readPair(certPEM, keyPEM); err != nil {
		f.candidate = nil
		f.readError = f.secretError("has no matching certificate and key", err, "store them in PEM as "+keyCert+" and "+keyKey)
	}
}

// check returns why the API server would refuse the certificate, or nil.
func (f *Files) check(p *pair, config *admissionregistrationv1.MutatingWebhookConfiguration, now time.Time) error {
	leaf := p.tls.Leaf
	if err := leaf.VerifyHostname(f.names.dnsName()); err != nil {
		return f.secretError("has a certificate for another name", err, "issue it for the DNS name "+f.names.dnsName())
	}
	if now.After(leaf.NotAfter) {
		return f.secretError("has a certificate that expired", fmt.Errorf("at %s", leaf.NotAfter.UTC().Format(time.RFC3339)), "renew it")
	}
	if now.Before(leaf.NotBefore) {
		return f.secretError("has a certificate that is not valid yet", fmt.Errorf("before %s", leaf.NotBefore.UTC().Format(time.RFC3339)),
			"issue a new one, or correct the clocks")
	}
	if config == nil {
		return fmt.Errorf("the MutatingWebhookConfiguration %s does not exist: install the chart again", f.names.Configuration)
	}
	intermediates := x509.NewCertPool()
	intermediates.AppendCertsFromPEM(p.certPEM)
	for _, bundle := range bundlesOf(config) {
		if len(bundle) == 0 {
			return fmt.Errorf("the MutatingWebhookConfiguration %s has no caBundle: add the CA of Secret %s/%s to it",
				f.names.Configuration, f.names.Namespace, f.names.Secret)
		}
		_, err := leaf.Verify(x509.VerifyOptions{Roots: pool(bundle), Intermediates: intermediates, CurrentTime: now})
		if err != nil {
			return f.secretError("has a certificate that the caBundle of MutatingWebhookConfiguration "+f.names.Configuration+" does not trust",
				err, "add its CA to the caBundle")
		}
	}
	return nil
}

func (f *Files) secretError(problem string, err error, remedy string) error {
	return fmt.Errorf("the Secret %s/%s %s: %w: %s", f.names.Namespace, f.names.Secret, problem, err, remedy)
}

func (f *Files) serve(c *tls.Certificate) {
	// Compare the whole chain: a missing intermediate may have been added.
	if old := f.serving.Load(); old == nil || !slices.EqualFunc(old.Certificate, c.Certificate, bytes.Equal) {
		f.serving.Store(c)
		f.log.Info("serving certificate in use", "serial", c.Leaf.SerialNumber.Text(16), "notAfter", c.Leaf.NotAfter)
	}
}

// logProblem logs each new problem once, and warns at intervals before the certificate expires.
func (f *Files) logProblem(problem error, now time.Time) {
	until := time.Time{}
	if served := f.serving.Load(); served != nil {
		until = served.Leaf.NotAfter
	}
	text := ""
	if problem != nil {
		text = problem.Error()
	}
	if text != f.lastLogged && problem != nil {
		f.log.Error("serving certificate not usable", "error", problem, "servedUntil", until)
	}
	f.lastLogged = text
	if !until.IsZero() && now.After(until.Add(-expiryWarning)) && now.Sub(f.lastWarned) >= expiryWarningInterval {
		f.lastWarned = now
		f.log.Warn("serving certificate expires soon: renew it", "secret", f.names.Secret, "notAfter", until)
	}
}
