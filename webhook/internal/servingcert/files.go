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
	// readEvery is how often the files are looked at: the kubelet replaces those of a mounted Secret about once a minute.
	readEvery = 5 * time.Second
	// expiresSoon is the lifetime that is left when the log begins to tell of it, and remindEvery how often it does.
	expiresSoon = 7 * 24 * time.Hour
	remindEvery = 6 * time.Hour
)

// Files is one replica's part where others keep the certificate and the caBundle: cert-manager, or an administrator.
// The certificate is in the files of a mounted Secret.
//
// A certificate that the API server would refuse is not served in place of one that it accepts, and a replica that has
// nothing better does not get ready, so that a rollout stops at it.
type Files struct {
	names Names
	dir   string
	log   *slog.Logger

	serving atomic.Pointer[tls.Certificate]
	wake    chan struct{}

	mu      sync.Mutex
	config  *admissionregistrationv1.MutatingWebhookConfiguration
	seen    bool  // whether there is a configuration
	problem error // why what the files have cannot be used
	trusted bool  // by the caBundle, once; then the replica stays ready

	// The rest is Run's own.
	certPEM, keyPEM []byte // what was read last
	candidate       *pair  // of it; nil where it cannot be used
	unusable        error  // why
	told            string // the problem that was logged last
	reminded        time.Time
}

// NewFiles returns a Files that serves nothing yet. dir has tls.crt and tls.key; names.Secret is where they come from.
func NewFiles(dir string, names Names, log *slog.Logger) *Files {
	f := &Files{names: names, dir: dir, log: log, wake: make(chan struct{}, 1)}
	f.problem = fmt.Errorf("the MutatingWebhookConfiguration %s has not been read yet", names.Configuration)
	return f
}

// GetCertificate is for tls.Config.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := f.serving.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("the webhook has no certificate yet")
}

// Ready returns nil while a certificate is served that has not expired, from when the caBundle trusted it first. Otherwise
// the error says what is wrong with the Secret or the caBundle, and what to do.
func (f *Files) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.serving.Load()
	if c != nil && f.trusted && time.Now().Before(c.Leaf.NotAfter) {
		return nil
	}
	return f.problem
}

// ObserveConfiguration takes the MutatingWebhookConfiguration as it is now, nil where there is none.
func (f *Files) ObserveConfiguration(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	f.mu.Lock()
	f.config, f.seen = c, true
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run follows files and caBundle until the context ends.
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

// step looks at everything anew.
func (f *Files) step(now time.Time) {
	f.read()
	f.mu.Lock()
	config, seen := f.config, f.seen
	f.mu.Unlock()
	if !seen {
		return // it will be, in a moment
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
		f.serve(f.candidate.tls) // nothing is better, and an API server with another clock may accept it
	}
	f.mu.Lock()
	f.problem, f.trusted = problem, f.trusted || problem == nil
	f.mu.Unlock()
	f.tell(problem, now)
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
		f.unusable = f.explain("has no certificate and key, PEM, that belong together", err, "put them there as "+keyCert+" and "+keyKey)
	}
}

// check returns why the API server would refuse a certificate, or nil.
func (f *Files) check(p *pair, config *admissionregistrationv1.MutatingWebhookConfiguration, now time.Time) error {
	leaf := p.tls.Leaf
	if err := leaf.VerifyHostname(f.names.dnsName()); err != nil {
		return f.explain("has a certificate of another name", err, "issue it for DNS name "+f.names.dnsName())
	}
	if now.After(leaf.NotAfter) {
		return f.explain("has a certificate that expired", fmt.Errorf("at %s", leaf.NotAfter.UTC().Format(time.RFC3339)), "renew it")
	}
	if now.Before(leaf.NotBefore) {
		return f.explain("has a certificate that is not valid yet", fmt.Errorf("before %s", leaf.NotBefore.UTC().Format(time.RFC3339)), "issue it anew, or correct the clocks")
	}
	if config == nil {
		return fmt.Errorf("there is no MutatingWebhookConfiguration %s: install the chart's again", f.names.Configuration)
	}
	intermediates := x509.NewCertPool()
	intermediates.AppendCertsFromPEM(p.certPEM)
	for _, bundle := range bundlesOf(config) {
		if len(bundle) == 0 {
			return fmt.Errorf("the MutatingWebhookConfiguration %s has no caBundle: put the CA of Secret %s/%s there", f.names.Configuration, f.names.Namespace, f.names.Secret)
		}
		_, err := leaf.Verify(x509.VerifyOptions{Roots: pool(bundle), Intermediates: intermediates, CurrentTime: now})
		if err != nil {
			return f.explain("has a certificate that the caBundle of MutatingWebhookConfiguration "+f.names.Configuration+" does not trust", err, "put its CA there too")
		}
	}
	return nil
}

func (f *Files) explain(what string, err error, todo string) error {
	return fmt.Errorf("the Secret %s/%s %s: %w: %s", f.names.Namespace, f.names.Secret, what, err, todo)
}

func (f *Files) serve(c *tls.Certificate) {
	// All of the chain counts: an intermediate that was missing may have been added.
	if old := f.serving.Load(); old == nil || !slices.EqualFunc(old.Certificate, c.Certificate, bytes.Equal) {
		f.serving.Store(c)
		f.log.Info("serving certificate in use", "serial", c.Leaf.SerialNumber.Text(16), "notAfter", c.Leaf.NotAfter)
	}
}

// tell logs a problem once, and every now and then that the certificate is about to expire.
func (f *Files) tell(problem error, now time.Time) {
	until := time.Time{}
	if served := f.serving.Load(); served != nil {
		until = served.Leaf.NotAfter
	}
	text := ""
	if problem != nil {
		text = problem.Error()
	}
	if text != f.told && problem != nil {
		f.log.Error("serving certificate not usable", "error", problem, "servedUntil", until)
	}
	f.told = text
	if !until.IsZero() && now.After(until.Add(-expiresSoon)) && now.Sub(f.reminded) >= remindEvery {
		f.reminded = now
		f.log.Warn("serving certificate expires soon: renew it", "secret", f.names.Secret, "notAfter", until)
	}
}
