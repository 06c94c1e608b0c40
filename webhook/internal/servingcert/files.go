package servingcert

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
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

// Files serves a certificate that cert-manager or an administrator maintains. It reads the
// certificate from the files of a mounted Secret, and adds the CA that signed it to the caBundle.
//
// A certificate that the API server would refuse does not replace one that it accepts. A replica
// without an acceptable certificate does not become ready, so that a rollout stops.
type Files struct {
	names Names
	dir   string
	cas   []*x509.Certificate // in addition to those of the Secret

	serving
	wake chan struct{}

	mu         sync.Mutex
	config     *admissionregistrationv1.MutatingWebhookConfiguration
	configSeen bool
	problem    error // why the certificate in the files cannot be used
	trusted    bool  // the caBundle has trusted a certificate once; from then on the replica is ready

	// Only Run uses the following fields.
	files      secretFiles       // last content of the files
	candidate  *pair             // parsed from it, or nil
	readError  error             // why candidate is nil
	serveAt    time.Time         // when candidate may replace a valid certificate
	servedCA   *x509.Certificate // of the served certificate; nil if it is not known
	publishAt  time.Time         // when CAs may be published again after a failure
	publisher  publisher
	lastLogged string // last problem that was logged
	lastWarned time.Time
}

// secretFiles are the files of a TLS Secret. The CAs are optional.
type secretFiles struct{ cert, key, ca []byte }

// NewFiles returns a Files that serves nothing yet. dir contains tls.crt, tls.key and, optionally,
// ca.crt of the Secret names.Secret. cas is PEM with CAs that may have signed the certificate.
func NewFiles(dir, cas string, names Names, api ConfigurationAPI, log *slog.Logger) *Files {
	f := &Files{
		names: names, dir: dir, cas: readCerts([]byte(cas)), serving: newServing(log), wake: make(chan struct{}, 1),
		publisher: publisher{configuration: names.Configuration, api: api, log: log},
	}
	f.problem = fmt.Errorf("the MutatingWebhookConfiguration %s has not been read yet", names.Configuration)
	return f
}

// Ready returns nil if the served certificate has not expired and the caBundle has trusted a
// certificate at least once. Otherwise the error describes the problem with the Secret or the
// caBundle, and the remedy.
func (f *Files) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.trusted && f.valid(time.Now()) {
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
	notify(f.wake)
}

// Run follows the files and the caBundle until ctx ends.
func (f *Files) Run(ctx context.Context) {
	for ctx.Err() == nil {
		f.step(ctx, time.Now())
		select {
		case <-ctx.Done():
		case <-f.wake:
		case <-time.After(readInterval):
		}
	}
}

// step reads the files, publishes their CA, and decides which certificate to serve.
func (f *Files) step(ctx context.Context, now time.Time) {
	f.read()
	f.mu.Lock()
	config, configSeen := f.config, f.configSeen
	f.mu.Unlock()
	if !configSeen {
		return // ObserveConfiguration wakes Run
	}
	problem, candidate := f.readError, f.candidate
	if problem == nil {
		problem = f.check(candidate, config, now)
	}
	if problem != nil {
		candidate = nil
	}
	ca, untrusted := f.trust(ctx, candidate, config, now)
	problem = cmp.Or(problem, untrusted)
	// Without a valid certificate, the candidate is the only option even if there is a problem: an
	// API server with another clock may accept it.
	mayReplace := problem == nil && !now.Before(f.serveAt)
	if f.candidate != nil && (mayReplace || !f.valid(now)) {
		f.use(f.candidate.tls)
		f.servedCA = ca
	}
	f.mu.Lock()
	f.problem, f.trusted = problem, f.trusted || problem == nil
	f.mu.Unlock()
	f.logProblem(problem, now)
}

// read reads the files from the same version of the Secret.
func (f *Files) read() {
	dir := f.dir
	if version, err := filepath.EvalSymlinks(filepath.Join(dir, "..data")); err == nil {
		dir = version
	}
	var files secretFiles
	var certErr, keyErr error
	files.cert, certErr = os.ReadFile(filepath.Join(dir, keyCert))
	files.key, keyErr = os.ReadFile(filepath.Join(dir, keyKey))
	files.ca, _ = os.ReadFile(filepath.Join(dir, keyCA)) // if it is needed, trust reports that there is no CA
	if err := errors.Join(certErr, keyErr); err != nil {
		f.files, f.candidate = secretFiles{}, nil
		f.readError = f.secretError("has no "+keyCert+" and "+keyKey, err, "add them")
		return
	}
	same := bytes.Equal(files.cert, f.files.cert) && bytes.Equal(files.key, f.files.key)
	f.files = files
	if f.candidate != nil && same {
		return
	}
	f.readError, f.serveAt = nil, time.Time{}
	var err error
	if f.candidate, err = readPair(files.cert, files.key); err != nil {
		f.candidate = nil
		f.readError = f.secretError("has no matching certificate and key", err, "store them in PEM as "+keyCert+" and "+keyKey)
	}
}

// check returns why the API server would refuse the certificate whatever the caBundle is, or nil.
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
	return nil
}

func (f *Files) secretError(problem string, err error, remedy string) error {
	return fmt.Errorf("the Secret %s/%s %s: %w: %s", f.names.Namespace, f.names.Secret, problem, err, remedy)
}

// logProblem logs each new problem once, and warns at intervals before the certificate expires.
func (f *Files) logProblem(problem error, now time.Time) {
	until := time.Time{}
	if served := f.cert.Load(); served != nil {
		until = served.Leaf.NotAfter
	}
	text := ""
	if problem != nil {
		text = problem.Error()
	}
	if text != f.lastLogged && problem != nil && !errors.Is(problem, errUnpublished) {
		f.log.Error("serving certificate not usable", "error", problem, "servedUntil", until)
	}
	f.lastLogged = text
	if !until.IsZero() && now.After(until.Add(-expiryWarning)) && now.Sub(f.lastWarned) >= expiryWarningInterval {
		f.lastWarned = now
		f.log.Warn("serving certificate expires soon: renew it", "secret", f.names.Secret, "notAfter", until)
	}
}
