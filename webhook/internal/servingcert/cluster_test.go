package servingcert

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// testCluster is a fake API server, because the tests cover months. It stores the two objects with
// optimistic concurrency, and notifies watchers of changes after a delay.
type testCluster struct {
	t     *testing.T
	delay time.Duration

	mu       sync.Mutex
	version  int
	secret   *corev1.Secret
	config   *admissionregistrationv1.MutatingWebhookConfiguration
	watchers []*Manager
	writeErr error
	creates  int
	writes   int
	checked  map[trustCheck]bool
}

// trustCheck is a state that was checked before. Months have many moments but few states.
type trustCheck struct {
	served    *tls.Certificate
	published *admissionregistrationv1.MutatingWebhookConfiguration
}

var secretResource = schema.GroupResource{Resource: "secrets"}

func (c *testCluster) CreateSecret(_ context.Context, s *corev1.Secret) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.creates++
	if c.writeErr != nil {
		return c.writeErr
	}
	if c.secret != nil {
		return apierrors.NewAlreadyExists(secretResource, s.Name)
	}
	c.setSecret(s.DeepCopy())
	return nil
}

func (c *testCluster) UpdateSecret(_ context.Context, s *corev1.Secret) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writeErr != nil {
		return c.writeErr
	}
	if c.secret == nil {
		return apierrors.NewNotFound(secretResource, s.Name)
	}
	if s.ResourceVersion != c.secret.ResourceVersion {
		return apierrors.NewConflict(secretResource, s.Name, errors.New("newer"))
	}
	c.setSecret(s.DeepCopy())
	return nil
}

func (c *testCluster) PatchWebhookConfiguration(_ context.Context, _ string, patch []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var p admissionregistrationv1.MutatingWebhookConfiguration
	if err := json.Unmarshal(patch, &p); err != nil {
		return err
	}
	config := c.config.DeepCopy()
	for _, w := range p.Webhooks {
		i := slices.IndexFunc(config.Webhooks, func(h admissionregistrationv1.MutatingWebhook) bool { return h.Name == w.Name })
		config.Webhooks[i].ClientConfig.CABundle = w.ClientConfig.CABundle
	}
	c.setConfig(config)
	return nil
}

// setSecret replaces the Secret; nil deletes it. The caller holds the lock.
func (c *testCluster) setSecret(s *corev1.Secret) {
	c.version++
	c.writes++
	if s != nil {
		s.ResourceVersion = strconv.Itoa(c.version)
	}
	c.secret = s
	c.notify(func(m *Manager) { m.ObserveSecret(s) })
}

func (c *testCluster) setConfig(config *admissionregistrationv1.MutatingWebhookConfiguration) {
	c.config = config
	c.notify(func(m *Manager) { m.ObserveConfiguration(config) })
}

func (c *testCluster) notify(f func(*Manager)) {
	watchers := slices.Clone(c.watchers)
	time.AfterFunc(c.delay, func() {
		for _, m := range watchers {
			f(m)
		}
	})
}

// start starts a replica.
func (c *testCluster) start(ctx context.Context) *Manager {
	m := NewManager(Names{
		Namespace: "azure-cert-sync-system", Secret: "tls", Service: "azure-cert-sync-webhook", Configuration: "webhook",
	}, c, slog.New(slog.DiscardHandler))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers = append(c.watchers, m)
	m.ObserveSecret(c.secret)
	m.ObserveConfiguration(c.config)
	go m.Run(ctx)
	return m
}

func newTestCluster(t *testing.T) *testCluster {
	return &testCluster{t: t, delay: 20 * time.Millisecond, checked: map[trustCheck]bool{}, config: &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "webhook"},
		Webhooks:   []admissionregistrationv1.MutatingWebhook{{Name: "one"}, {Name: "two"}},
	}}
}

// checkTrusted fails the test if a client that trusts the published CAs would refuse a replica.
func (c *testCluster) checkTrusted(m *Manager) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	served, err := m.GetCertificate(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	state := trustCheck{served, c.config}
	if c.checked[state] {
		return
	}
	c.checked[state] = true
	for _, have := range bundlesOf(c.config) {
		p := pair{tls: served}
		if err := p.usable(time.Now(), testName, have); err != nil {
			c.t.Fatalf("at %v: %v", time.Now(), err)
		}
	}
}
