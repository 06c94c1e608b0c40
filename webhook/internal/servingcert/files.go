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
	// readEvery is the time between two looks at the files. The kubelet updates the files of a
	// mounted Secret about once a minute.
	readEvery = 5 * time.Second
	// expiresSoon is the remaining lifetime at which the log starts to warn, and remindEvery the
	// time between two warnings.
	expiresSoon = 7 * 24 * time.Hour
	remindEvery = 6 * time.Hour
)

// Files is the part of one replica if others maintain the certificate and the caBundle:
// cert-manager or an administrator. The certificate is in the files of a mounted Secret.
//
// It does not replace a certificate that the API server accepts by one that it would refuse. A
// replica without an acceptable certificate does not become ready, so that a rollout stops there.
type Files struct {
	names Names
	dir   string
	log   *slog.Logger

	serving atomic.Pointer[tls.Certificate]
	wake    chan struct{}

	mu      sync.Mutex
	config  *admissionregistrationv1.MutatingWebhookConfiguration
	seen    bool  // whether the configuration was read
	problem error // why the files' content cannot be used
	trusted bool  // the caBundle has trusted the certificate once; then the replica stays ready

	// Only Run uses the fields below.
	certPEM, keyPEM []byte // the content that was read last
	candidate       *pair  // from that content; nil if it cannot be used
	unusable        error  // why
	logged          string // the problem that was logged last
	reminded        time.Time
}

// NewFiles returns a Files without a certificate. dir contains tls.crt and tls.key of the Secret
// names.Secret.
func NewFiles(dir string, names Names, log *slog.Logger) *Files {
	f := &Files{names: names, dir: dir, log: log, wake: make(chan struct{}, 1)}
	f.problem = fmt.Errorf("the MutatingWebhookConfiguration %s has not been read yet", names.Configuration)
	return f
}

// GetCertificate is used as tls.Config.GetCertificate.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := f.serving.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("the webhook does not have a certificate yet")
}

// Ready returns nil while the served certificate has not expired, once the caBundle has trusted it.
// Otherwise the error says what is wrong with the Secret or the caBundle, and what to do.
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
	f.config, f.seen = c, true
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run follows the files and the caBundle until the context ends.
func (f *Files) Run(ctx context.Context) {
	for ctx.Err() == nil {
		f.step(time.Now())
		select {
		case <-ctx.Done():
		case <-f.wake:
		case <-time.After(readEvery):
		}
	}
}

// step checks the files and the caBundle once.
func (f *Files) step(now time.Time) {
	f.read()
	f.mu.Lock()
	config, seen := f.config, f.seen
	f.mu.Unlock()
	if !seen {
		return // the watch delivers it soon
	}
	problem := f.unusable
	if problem == nil {
		problem = f.check(f.candidate, config, now)
	}
	served := f.serving.Load()
	switch {
	case problem == nil:
		f.serve(f.candidate.tls)
	case f.candidate != nil && (served == nil || !now.Before(served.Leaf.NotAfter)):
		f.serve(f.candidate.tls) // it is the best one, and an API server with another clock may accept it
	}
	f.mu.Lock()
	f.problem, f.trusted = problem, f.trusted || problem == nil
	f.mu.Unlock()
	f.logProblem(problem, now)
}

// read reads the files, both of one version of the Secret.
func (f *Files) read() {
	dir := f.dir
	if version, err := filepath.EvalSymlinks(filepath.Join(dir, "..data")); err == nil {
		dir = version
	}
	certPEM, certErr := os.ReadFile(filepath.Join(dir, keyCert))
	keyPEM, keyErr := os.ReadFile(filepath.Join(dir, keyKey))
	if err := errors.Join(certErr, keyErr); err != nil {
		f.certPEM, f.keyPEM, f.candidate = nil, nil, nil
		f.unusable = f.explain("has no "+keyCert+" and "+keyKey, err, "put them there")
		return
	}
	if f.candidate != nil && bytes.Equal(certPEM, f.certPEM) && bytes.Equal(keyPEM, f.keyPEM) {
		return
	}
	f.certPEM, f.keyPEM, f.unusable = certPEM, keyPEM, nil
	var err error
	if f.candidate, err = readPair(certPEM, keyPEM); err != nil {
		f.candidate = nil
		f.unusable = f.explain("does not have a PEM certificate and key that belong together", err, "store them there as "+keyCert+" and "+keyKey)
	}
}

// check returns why the API server would refuse a certificate, or nil.
func (f *Files) check(p *pair, config *admissionregistrationv1.MutatingWebhookConfiguration, now time.Time) error {
	leaf := p.tls.Leaf
	if err := leaf.VerifyHostname(f.names.dnsName()); err != nil {
		return f.explain("has a certificate with another name", err, "issue it for DNS name "+f.names.dnsName())
	}
	if now.After(leaf.NotAfter) {
		return f.explain("has a certificate that expired", fmt.Errorf("at %s", leaf.NotAfter.UTC().Format(time.RFC3339)), "renew it")
	}
	if now.Before(leaf.NotBefore) {
		return f.explain("has a certificate that is not valid yet", fmt.Errorf("before %s", leaf.NotBefore.UTC().Format(time.RFC3339)), "issue it again, or correct the clocks")
	}
	if config == nil {
		return fmt.Errorf("MutatingWebhookConfiguration %s does not exist: reinstall the chart", f.names.Configuration)
	}
	intermediates := x509.NewCertPool()
	intermediates.AppendCertsFromPEM(p.certPEM)
	for _, bundle := range bundlesOf(config) {
		if len(bundle) == 0 {
			return fmt.Errorf("the MutatingWebhookConfiguration %s does not have a caBundle: add the CA of Secret %s/%s", f.names.Configuration, f.names.Namespace, f.names.Secret)
		}
		_, err := leaf.Verify(x509.VerifyOptions{Roots: pool(bundle), Intermediates: intermediates, CurrentTime: now})
		if err != nil {
			return f.explain("has a certificate that the caBundle of MutatingWebhookConfiguration "+f.names.Configuration+" does not trust", err, "add its CA")
		}
	}
	return nil
}

func (f *Files) explain(what string, err error, todo string) error {
	return fmt.Errorf("the Secret %s/%s %s: %w: %s", f.names.Namespace, f.names.Secret, what, err, todo)
}

func (f *Files) serve(c *tls.Certificate) {
	// Compare the whole chain: only an intermediate may have been added.
	if old := f.serving.Load(); old == nil || !slices.EqualFunc(old.Certificate, c.Certificate, bytes.Equal) {
		f.serving.Store(c)
		f.log.Info("serving certificate in use", "serial", c.Leaf.SerialNumber.Text(16), "notAfter", c.Leaf.NotAfter)
	}
}

// logProblem logs a problem once, and regularly that the certificate expires soon.
func (f *Files) logProblem(problem error, now time.Time) {
	until := time.Time{}
	if served := f.serving.Load(); served != nil {
		until = served.Leaf.NotAfter
	}
	text := ""
	if problem != nil {
		text = problem.Error()
	}
	if text != f.logged && problem != nil {
		f.log.Error("serving certificate not usable", "error", problem, "servedUntil", until)
	}
	f.logged = text
	if !until.IsZero() && now.After(until.Add(-expiresSoon)) && now.Sub(f.reminded) >= remindEvery {
		f.reminded = now
		f.log.Warn("serving certificate expires soon: renew it", "secret", f.names.Secret, "notAfter", until)
	}
}
