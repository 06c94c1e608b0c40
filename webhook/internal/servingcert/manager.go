package servingcert

import (
	"context"
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

// createAfter is the wait until a deleted Secret is created again.
const createAfter = 10 * time.Second

// API writes to the API server. Its errors are those of package k8s.io/apimachinery/pkg/api/errors.
type API interface {
	CreateSecret(context.Context, *corev1.Secret) error
	// UpdateSecret fails with a conflict if the resource version is not the current one.
	UpdateSecret(context.Context, *corev1.Secret) error
	ConfigurationAPI
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

	serving
	status atomic.Pointer[string] // why the replica is not ready; nil once it is ready
	wake   chan struct{}

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
	// missingSince is when the Secret was first seen to be missing; zero while it exists.
	missingSince time.Time
	retry        retry // of writes of the Secret
	publisher    publisher
}

// NewManager returns a manager that serves nothing yet.
func NewManager(names Names, api API, log *slog.Logger) *Manager {
	m := &Manager{
		names: names, api: api, serving: newServing(log), wake: make(chan struct{}, 1),
		publisher: publisher{configuration: names.Configuration, api: api, log: log},
	}
	m.secretMeta.Namespace, m.secretMeta.Name = names.Namespace, names.Secret
	m.notReady("the Secret %s/%s has not been read yet", names.Namespace, names.Secret)
	return m
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
	notify(m.wake)
}

// ObserveConfiguration receives the current MutatingWebhookConfiguration, or nil if it does not
// exist.
func (m *Manager) ObserveConfiguration(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	m.mu.Lock()
	m.config, m.configSeen = c, true
	m.mu.Unlock()
	notify(m.wake)
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
		p.nextStep = earlier(p.nextStep, m.publisher.publish(ctx, now, config, v.bundles, p.state.trusted))
	}
	m.report(p, config)
	return p.nextStep
}

// serve starts to serve the Secret's certificate, unless clients trust only the one that is served
// now.
func (m *Manager) serve(now time.Time, p plan) {
	if p.state == nil || m.valid(now) && !p.published {
		return
	}
	m.lastUsable = p.state
	m.use(p.state.current.tls)
}

// report updates the status: the replica is ready, or what it waits for.
func (m *Manager) report(p plan, config *admissionregistrationv1.MutatingWebhookConfiguration) {
	switch {
	case m.Ready() == nil:
	case p.published:
		m.status.Store(nil)
	case m.retry.err != nil:
		m.notReady("%v", m.retry.err)
	case m.publisher.retry.err != nil:
		m.notReady("%v", m.publisher.retry.err)
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
	if at := m.createAt(now, old); now.Before(at) {
		return at
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
	m.replacedVersion, m.retryAt = version, now.Add(m.retry.wait(err))
	return m.retryAt
}

// createAt returns the earliest time to write a Secret that may have been deleted. A replica that
// has a certificate can wait. Helm deletes the Secret when the certificate's source changes, and
// then takes away the right to create it: a Secret that is created in between would be left over.
func (m *Manager) createAt(now time.Time, old *corev1.Secret) time.Time {
	if old != nil || m.cert.Load() == nil {
		m.missingSince = time.Time{}
		return now
	}
	if m.missingSince.IsZero() {
		m.missingSince = now
	}
	return m.missingSince.Add(createAfter)
}

// notify wakes the Run that waits on the channel. If Run has not seen the last wake-up yet, that
// one is enough.
func notify(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (n Names) dnsName() string { return n.Service + "." + n.Namespace + ".svc" }

// earlier returns the earlier of two times, where zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
