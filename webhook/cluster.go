package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/kube"
)

// originalConfiguration is the MutatingWebhookConfiguration of the original Azure Workload Identity
// webhook.
const originalConfiguration = "azure-wi-webhook-mutating-webhook-configuration"

const (
	// versionInterval is the interval at which the API server's version is read: it can change
	// while this pod runs.
	versionInterval = 10 * time.Minute
	// versionRetry is the wait after a failure.
	versionRetry = time.Second
)

// cluster follows the two properties of the cluster that injection depends on: whether the original
// webhook is installed, and the version of the API server. It updates the options accordingly.
type cluster struct {
	log            *slog.Logger
	followOriginal bool // inject the identity only while the original webhook is not installed

	mu      sync.Mutex
	options *inject.Options // replaced as a whole, never modified
	// originalKnown and versionKnown are closed after the first successful read.
	originalKnown, versionKnown chan struct{}
	originalOnce, versionOnce   sync.Once
}

func newCluster(o *options, log *slog.Logger) *cluster {
	return &cluster{
		log: log, followOriginal: o.injection == injectAuto, options: o.injectOptions(),
		originalKnown: make(chan struct{}), versionKnown: make(chan struct{}),
	}
}

// injectOptions returns the options that are in force now.
func (c *cluster) injectOptions() *inject.Options {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options
}

func (c *cluster) update(f func(*inject.Options)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	updated := *c.options
	f(&updated)
	c.options = &updated
}

// setIdentity reports whether the setting changed.
func (c *cluster) setIdentity(identity bool) (changed bool) {
	c.update(func(o *inject.Options) {
		changed = o.InjectIdentity != identity
		o.InjectIdentity = identity
	})
	return changed
}

// watchOriginal follows whether the original webhook is installed, until ctx ends.
func (c *cluster) watchOriginal(ctx context.Context, api *kube.Client) {
	kube.Follow(ctx, api.NamedMetadata(kube.WebhookConfigurations, originalConfiguration),
		kube.Single[*metav1.PartialObjectMetadata](func(original *metav1.PartialObjectMetadata) {
			inject := original == nil
			if c.setIdentity(inject) {
				c.log.Info("identity injection", "injected", inject, "originalWebhook", !inject)
			}
			c.originalOnce.Do(func() { close(c.originalKnown) })
		}))
}

// pollVersion reads the API server's version at intervals, until ctx ends.
func (c *cluster) pollVersion(ctx context.Context, api *kube.Client) {
	for {
		wait := versionInterval
		if v, err := api.ServerVersion(ctx); err != nil {
			c.log.Error("cannot read the API server's version", "error", err)
			wait = versionRetry
		} else {
			c.update(func(o *inject.Options) { o.Native = inject.NativeSupportOf(v.Major, v.Minor) })
			c.versionOnce.Do(func() {
				c.log.Info("API server", "major", v.Major, "minor", v.Minor)
				close(c.versionKnown)
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
