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

// originalConfiguration is the name of the MutatingWebhookConfiguration of the original Azure
// Workload Identity webhook.
const originalConfiguration = "azure-wi-webhook-mutating-webhook-configuration"

const (
	// versionInterval is the time between two requests for the API server's version, which can
	// change without a restart of this pod.
	versionInterval = 10 * time.Minute
	// versionRetry is the wait after a failure.
	versionRetry = time.Second
)

// cluster follows the cluster, and adapts the options of the injection.
type cluster struct {
	log  *slog.Logger
	auto bool // identity is left to the original webhook while it is installed

	mu      sync.Mutex
	options *inject.Options // replaced, never changed
	// versionKnown and originalKnown are closed when that part of the options is known.
	versionKnown, originalKnown chan struct{}
	version, original           sync.Once
}

func newCluster(o *options, log *slog.Logger) *cluster {
	c := &cluster{
		log: log, auto: o.injection == injectAuto, options: o.injectOptions(),
		versionKnown: make(chan struct{}), originalKnown: make(chan struct{}),
	}
	if !c.auto {
		close(c.originalKnown)
	}
	return c
}

// current returns the options in force.
func (c *cluster) current() *inject.Options {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options
}

// setIdentity reports whether anything changed.
func (c *cluster) setIdentity(identity bool) (changed bool) {
	c.change(func(o *inject.Options) {
		changed = o.InjectIdentity != identity
		o.InjectIdentity = identity
	})
	return changed
}

func (c *cluster) change(f func(*inject.Options)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := *c.options
	f(&changed)
	c.options = &changed
}

// followOriginal follows whether the original webhook is installed.
func (c *cluster) followOriginal(ctx context.Context, api *kube.Client) {
	kube.Follow(ctx, api.NamedMetadata(kube.WebhookConfigurations, originalConfiguration),
		kube.Single[*metav1.PartialObjectMetadata](func(original *metav1.PartialObjectMetadata) {
			inject := original == nil
			if c.setIdentity(inject) {
				c.log.Info("identity injection", "injected", inject, "originalWebhook", !inject)
			}
			c.original.Do(func() { close(c.originalKnown) })
		}))
}

// followVersion reads the API server's version regularly.
func (c *cluster) followVersion(ctx context.Context, api *kube.Client) {
	for {
		wait := versionInterval
		if v, err := api.ServerVersion(ctx); err != nil {
			c.log.Error("reading the API server's version failed", "error", err)
			wait = versionRetry
		} else {
			c.change(func(o *inject.Options) { o.Native = inject.NativeSupportOf(v.Major, v.Minor) })
			c.version.Do(func() {
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
