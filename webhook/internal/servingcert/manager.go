package servingcert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// retryAfter is the wait after a write until its result is visible.
	retryAfter = time.Second
	// maxRetryAfter limits the wait, which doubles with each failed write.
	maxRetryAfter = time.Minute
)

// API writes to the API server. Its errors are those of package k8s.io/apimachinery/pkg/api/errors.
type API interface {
	CreateSecret(context.Context, *corev1.Secret) error
	// UpdateSecret fails with a conflict if the resource version is not the current one.
	UpdateSecret(context.Context, *corev1.Secret) error
	// PatchWebhookConfiguration applies a strategic merge patch.
	PatchWebhookConfiguration(ctx context.Context, name string, patch []byte) error
}

// Names are the names of the objects.
type Names struct {
	// Namespace and Secret identify the Secret.
	Namespace, Secret string
	// Service is the webhook's Service in the same namespace. The certificate is for the DNS name
	// "<service>.<namespace>.svc".
	Service string
	// Configuration is the MutatingWebhookConfiguration.
	Configuration string
}

// Manager maintains the certificate and the caBundle for one replica. Watches call its Observe
// methods, and Run acts on the observations.
type Manager struct {
	names Names
	api   API
	log   *slog.Logger

	serving atomic.Pointer[tls.Certificate]
	status  atomic.Pointer[string] // why the replica is not ready; nil once it is ready
	wake    chan struct{}

	mu         sync.Mutex
	secret     *corev1.Secret
	secretSeen bool
	config     *admissionregistrationv1.MutatingWebhookConfiguration
	configSeen bool

	// Only Run uses the following fields.
	nextSince  time.Time // see view
	lastUsable *state    // see view
	// secretMeta has the last labels and annotations of the Secret. If the Secret is deleted, the
	// new one needs them: without them, Helm does not accept it as its own.
	secretMeta metav1.ObjectMeta
	// replacedVersion is the resource version that the last write replaced. It is not written again
	// before retryAt.
	replacedVersion string
	retryAt         time.Time
	failures        int   // consecutive failed writes
	writeError      error // error of the last write
}

// NewManager returns a manager that serves nothing yet.
func NewManager(names Names, api API, log *slog.Logger) *Manager {
	m := &Manager{names: names, api: api, log: log, wake: make(chan struct{}, 1)}
	m.secretMeta.Namespace, m.secretMeta.Name = names.Namespace, names.Secret
	m.notReady("the Secret %s/%s has not been read yet", names.Namespace, names.Secret)
	return m
}

// GetCertificate implements tls.Config.GetCertificate.
func (m *Manager) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := m.serving.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("the webhook has no certificate yet")
}

// Ready returns nil once a certificate is in memory and its CA is in the caBundle. Before that, the
// error describes what is missing. The replica then stays ready: if someone resets the caBundle,
// that affects all replicas, and they publish it again.
func (m *Manager) Ready() error {
	if reason := m.status.Load(); reason != nil {
		return errors.New(*reason)
	}
	return nil
}

func (m *Manager) notReady(format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	m.status.Store(&reason)
}

// ObserveSecret receives the current Secret, or nil if it does not exist.
func (m *Manager) ObserveSecret(s *corev1.Secret) {
	m.mu.Lock()
	m.secret, m.secretSeen = s, true
	m.mu.Unlock()
	m.notify()
}

// ObserveConfiguration receives the current MutatingWebhookConfiguration, or nil if it does not
// exist.
func (m *Manager) ObserveConfiguration(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	m.mu.Lock()
	m.config, m.configSeen = c, true
	m.mu.Unlock()
	m.notify()
}

// notify wakes Run.
func (m *Manager) notify() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run maintains the Secret, the certificate and the caBundle until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	for ctx.Err() == nil {
		next := m.step(ctx, time.Now())
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(time.Until(next))
		}
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-timer:
		}
	}
}

// step acts once, and returns the latest time for the next step. Zero means that the next step
// follows the next observation.
func (m *Manager) step(ctx context.Context, now time.Time) time.Time {
	m.mu.Lock()
	secret, secretSeen, config, configSeen := m.secret, m.secretSeen, m.config, m.configSeen
	m.mu.Unlock()
	if !secretSeen || !configSeen {
		return time.Time{}
	}
	v := view{nextSince: m.nextSince, bundles: bundlesOf(config), lastUsable: m.lastUsable}
	if secret != nil {
		v.secret = secret.Data
		m.secretMeta.Labels, m.secretMeta.Annotations = secret.Labels, secret.Annotations
	}
	p, err := decide(now, m.names.dnsName(), v)
	if err != nil {
		m.log.Error("cannot create a certificate", "error", err)
		return now.Add(retryAfter)
	}
	m.serve(now, p)
	if !p.nextPublished {
		m.nextSince = time.Time{}
	} else if m.nextSince.IsZero() {
		m.nextSince = now
		p.nextStep = now.Add(overlap)
	}
	if p.write != nil {
		p.nextStep = earlier(p.nextStep, m.write(ctx, now, secret, p))
	}
	if p.state != nil && config != nil {
		p.nextStep = earlier(p.nextStep, m.publish(ctx, now, config, v.bundles, p.state.trusted))
	}
	m.report(p, config)
	return p.nextStep
}

// serve starts to serve the Secret's certificate, unless clients trust only the one that is served
// now.
func (m *Manager) serve(now time.Time, p plan) {
	old := m.serving.Load()
	if p.state == nil || old != nil && now.Before(old.Leaf.NotAfter) && !p.published {
		return
	}
	m.lastUsable = p.state
	if c := p.state.current.tls; old == nil || !old.Leaf.Equal(c.Leaf) {
		m.serving.Store(c)
		m.log.Info("serving certificate in use", "serial", c.Leaf.SerialNumber.Text(16), "notAfter", c.Leaf.NotAfter)
	}
}

// report updates the status: the replica is ready, or what it waits for.
func (m *Manager) report(p plan, config *admissionregistrationv1.MutatingWebhookConfiguration) {
	switch {
	case m.Ready() == nil:
	case p.published:
		m.status.Store(nil)
	case m.writeError != nil:
		m.notReady("%v", m.writeError)
	case config == nil:
		m.notReady("the MutatingWebhookConfiguration %s does not exist: install the chart again", m.names.Configuration)
	case p.state == nil:
		m.notReady("the Secret %s/%s has no certificate yet", m.names.Namespace, m.names.Secret)
	default:
		m.notReady("the caBundle of MutatingWebhookConfiguration %s is not published yet", m.names.Configuration)
	}
}

// write writes the Secret, once per observed version of it. If another replica was faster, its
// version will be observed.
func (m *Manager) write(ctx context.Context, now time.Time, old *corev1.Secret, p plan) time.Time {
	version := ""
	if old != nil {
		version = old.ResourceVersion
	}
	if m.replacedVersion == version && now.Before(m.retryAt) {
		return m.retryAt
	}
	var err error
	if old == nil {
		err = m.api.CreateSecret(ctx, &corev1.Secret{ObjectMeta: m.secretMeta, Data: p.write})
	} else {
		s := old.DeepCopy()
		s.Data = p.write
		err = m.api.UpdateSecret(ctx, s)
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		m.log.Info("another replica wrote the certificate's Secret first", "secret", m.names.Secret)
		err = nil
	} else if err == nil {
		m.log.Info("wrote the certificate's Secret", "secret", m.names.Secret, "reason", p.reason)
	}
	if err != nil {
		m.log.Error("cannot write the certificate's Secret", "secret", m.names.Secret, "reason", p.reason, "error", err)
		err = fmt.Errorf("cannot write the Secret %s/%s: %w", m.names.Namespace, m.names.Secret, err)
	}
	m.replacedVersion, m.retryAt = version, now.Add(m.retryWait(err))
	return m.retryAt
}

// retryWait records the result of a write, and returns how long to wait after it.
func (m *Manager) retryWait(err error) time.Duration {
	if m.writeError = err; err == nil {
		m.failures = 0
		return retryAfter
	}
	m.failures++
	return min(retryAfter<<min(m.failures-1, 10), maxRetryAfter)
}

// publish adds the trusted CAs to the caBundle of every webhook that lacks them. It returns when to
// check that, or zero if there is nothing to do.
func (m *Manager) publish(
	ctx context.Context, now time.Time, config *admissionregistrationv1.MutatingWebhookConfiguration,
	bundles [][]*x509.Certificate, trusted []*x509.Certificate,
) time.Time {
	patch, err := bundlePatch(config, bundles, trusted, now)
	if err == nil && patch == nil {
		return time.Time{}
	}
	if err == nil {
		err = m.api.PatchWebhookConfiguration(ctx, m.names.Configuration, patch)
	}
	if err != nil {
		m.log.Error("cannot publish the caBundle", "webhookConfiguration", m.names.Configuration, "error", err)
		err = fmt.Errorf("cannot publish the caBundle of MutatingWebhookConfiguration %s: %w", m.names.Configuration, err)
	} else {
		m.log.Info("published the caBundle", "webhookConfiguration", m.names.Configuration)
	}
	return now.Add(m.retryWait(err))
}

func (n Names) dnsName() string { return n.Service + "." + n.Namespace + ".svc" }

// earlier returns the earlier of two times, where zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
