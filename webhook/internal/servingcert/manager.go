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
	// retryAfter is the wait after a write whose result is not visible yet.
	retryAfter = time.Second
	// maxRetryAfter is the longest wait. The wait doubles with each failed write.
	maxRetryAfter = time.Minute
)

// API writes to the API server. It returns the errors of k8s.io/apimachinery/pkg/api/errors.
type API interface {
	CreateSecret(context.Context, *corev1.Secret) error
	// UpdateSecret fails with a conflict if the resource version is not the current one.
	UpdateSecret(context.Context, *corev1.Secret) error
	// PatchWebhookConfiguration applies a strategic merge patch.
	PatchWebhookConfiguration(ctx context.Context, name string, patch []byte) error
}

// Names are the names of the objects that belong to the certificate.
type Names struct {
	// Namespace and Secret name the Secret.
	Namespace, Secret string
	// Service is the webhook's Service in the same namespace: the certificate is for
	// "<service>.<namespace>.svc".
	Service string
	// Configuration names the MutatingWebhookConfiguration.
	Configuration string
}

// Manager is the part of one replica. Watches call its Observe methods, and Run acts on what they
// saw.
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

	// Only Run uses the fields below.
	nextSince time.Time
	memory    *state
	// owned are the labels and annotations that the Secret had last: without them Helm would not
	// accept it again.
	owned metav1.ObjectMeta
	// wroteOver is the version of the Secret that was replaced last, until the result is visible or
	// the wait is over.
	wroteOver  string
	wroteUntil time.Time
	failures   int   // of writes, in a row
	trouble    error // the error of the last write
}

// NewManager returns a manager without a certificate.
func NewManager(names Names, api API, log *slog.Logger) *Manager {
	m := &Manager{names: names, api: api, log: log, wake: make(chan struct{}, 1)}
	m.owned.Namespace, m.owned.Name = names.Namespace, names.Secret
	m.notReady("the Secret %s/%s has not been read yet", names.Namespace, names.Secret)
	return m
}

// GetCertificate is used as tls.Config.GetCertificate.
func (m *Manager) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := m.serving.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("the webhook does not have a certificate yet")
}

// Ready returns nil once a certificate is in memory and its CA is in the caBundle; before that, the
// error says what is missing. It stays nil: a caBundle that is reset later concerns all replicas,
// and they publish it again.
func (m *Manager) Ready() error {
	if why := m.status.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

func (m *Manager) notReady(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	m.status.Store(&why)
}

// ObserveSecret receives the current Secret, or nil if it does not exist.
func (m *Manager) ObserveSecret(s *corev1.Secret) {
	m.mu.Lock()
	m.secret, m.secretSeen = s, true
	m.mu.Unlock()
	m.poke()
}

// ObserveConfiguration receives the current MutatingWebhookConfiguration, or nil if it does not
// exist.
func (m *Manager) ObserveConfiguration(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	m.mu.Lock()
	m.config, m.configSeen = c, true
	m.mu.Unlock()
	m.poke()
}

func (m *Manager) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run maintains Secret, certificate and caBundle until the context ends.
func (m *Manager) Run(ctx context.Context) {
	for ctx.Err() == nil {
		again := m.step(ctx, time.Now())
		var timer <-chan time.Time
		if !again.IsZero() {
			timer = time.After(time.Until(again))
		}
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-timer:
		}
	}
}

// step acts once. It returns the latest time to act again; zero means after the next observation.
func (m *Manager) step(ctx context.Context, now time.Time) time.Time {
	m.mu.Lock()
	secret, secretSeen, config, configSeen := m.secret, m.secretSeen, m.config, m.configSeen
	m.mu.Unlock()
	if !secretSeen || !configSeen {
		return time.Time{}
	}
	v := view{nextSince: m.nextSince, bundles: bundlesOf(config), memory: m.memory}
	if secret != nil {
		v.secret = secret.Data
		m.owned.Labels, m.owned.Annotations = secret.Labels, secret.Annotations
	}
	p, err := decide(now, m.names.dnsName(), v)
	if err != nil {
		m.log.Error("creating a certificate failed", "error", err)
		return now.Add(retryAfter)
	}
	m.serve(now, p)
	if !p.nextPublished {
		m.nextSince = time.Time{}
	} else if m.nextSince.IsZero() {
		m.nextSince = now
		p.again = now.Add(overlap)
	}
	if p.write != nil {
		p.again = earlier(p.again, m.write(ctx, now, secret, p))
	}
	if p.state != nil && config != nil {
		p.again = earlier(p.again, m.publish(ctx, now, config, v.bundles, p.state.trusted))
	}
	m.report(p, config)
	return p.again
}

// serve starts to serve the Secret's certificate, unless clients trust only the one that is served
// now.
func (m *Manager) serve(now time.Time, p plan) {
	old := m.serving.Load()
	if p.state == nil || old != nil && now.Before(old.Leaf.NotAfter) && !p.published {
		return
	}
	m.memory = p.state
	if c := p.state.current.tls; old == nil || !old.Leaf.Equal(c.Leaf) {
		m.serving.Store(c)
		m.log.Info("serving certificate in use", "serial", c.Leaf.SerialNumber.Text(16), "notAfter", c.Leaf.NotAfter)
	}
}

// report sets whether the replica is ready, or what it is waiting for.
func (m *Manager) report(p plan, config *admissionregistrationv1.MutatingWebhookConfiguration) {
	switch {
	case m.Ready() == nil:
	case p.published:
		m.status.Store(nil)
	case m.trouble != nil:
		m.notReady("%v", m.trouble)
	case config == nil:
		m.notReady("MutatingWebhookConfiguration %s does not exist: reinstall the chart", m.names.Configuration)
	case p.state == nil:
		m.notReady("the Secret %s/%s does not have a certificate yet", m.names.Namespace, m.names.Secret)
	default:
		m.notReady("the caBundle of MutatingWebhookConfiguration %s is not published yet", m.names.Configuration)
	}
}

// write writes the Secret, once for each version that was seen. If another replica was first, the
// watch delivers its version.
func (m *Manager) write(ctx context.Context, now time.Time, old *corev1.Secret, p plan) time.Time {
	version := ""
	if old != nil {
		version = old.ResourceVersion
	}
	if m.wroteOver == version && now.Before(m.wroteUntil) {
		return m.wroteUntil
	}
	var err error
	if old == nil {
		err = m.api.CreateSecret(ctx, &corev1.Secret{ObjectMeta: m.owned, Data: p.write})
	} else {
		s := old.DeepCopy()
		s.Data = p.write
		err = m.api.UpdateSecret(ctx, s)
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		m.log.Info("another replica wrote the certificate's Secret first", "secret", m.names.Secret)
		err = nil
	} else if err == nil {
		m.log.Info("wrote the certificate's Secret", "secret", m.names.Secret, "reason", p.why)
	}
	if err != nil {
		m.log.Error("writing the certificate's Secret failed", "secret", m.names.Secret, "reason", p.why, "error", err)
		err = fmt.Errorf("writing the Secret %s/%s failed: %w", m.names.Namespace, m.names.Secret, err)
	}
	m.wroteOver, m.wroteUntil = version, now.Add(m.retry(err))
	return m.wroteUntil
}

// retry returns the wait after a write.
func (m *Manager) retry(err error) time.Duration {
	if m.trouble = err; err == nil {
		m.failures = 0
		return retryAfter
	}
	m.failures++
	return min(retryAfter<<min(m.failures-1, 10), maxRetryAfter)
}

// publish adds the trusted CAs to the caBundle of each webhook.
func (m *Manager) publish(ctx context.Context, now time.Time, config *admissionregistrationv1.MutatingWebhookConfiguration, bundles [][]*x509.Certificate, trusted []*x509.Certificate) time.Time {
	patch, err := bundlePatch(config, bundles, trusted, now)
	if err == nil && patch == nil {
		return time.Time{}
	}
	if err == nil {
		err = m.api.PatchWebhookConfiguration(ctx, m.names.Configuration, patch)
	}
	if err != nil {
		m.log.Error("publishing the caBundle failed", "webhookConfiguration", m.names.Configuration, "error", err)
		err = fmt.Errorf("publishing the caBundle of MutatingWebhookConfiguration %s failed: %w", m.names.Configuration, err)
	} else {
		m.log.Info("published the caBundle", "webhookConfiguration", m.names.Configuration)
	}
	return now.Add(m.retry(err))
}

func (n Names) dnsName() string { return n.Service + "." + n.Namespace + ".svc" }

// earlier returns the earlier of two times; zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
