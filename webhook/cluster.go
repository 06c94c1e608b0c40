package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/kube"
)

// originalConfiguration is the name of the MutatingWebhookConfiguration of Azure Workload Identity's own webhook.
const originalConfiguration = "azure-wi-webhook-mutating-webhook-configuration"

const (
	// versionInterval is how often the API server's version is asked for: it changes without a restart of this pod.
	versionInterval = 10 * time.Minute
	// versionRetry is waited after a failure.
	versionRetry = time.Second
)

// cluster keeps what is injected in step with what the cluster is.
type cluster struct {
	log  *slog.Logger
	auto bool // identity is left to the original webhook while that is there

	mu      sync.Mutex
	options *inject.Options // never changed, but replaced
	// versionKnown and originalKnown are closed when that part of the options is right.
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

// followVersion asks for the API server's version, again and again.
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

// injectOptions are the flags as the package inject wants them.
func (o *options) injectOptions() *inject.Options {
	env := make([]corev1.EnvVar, len(o.sidecarEnv))
	for i, e := range o.sidecarEnv {
		env[i] = corev1.EnvVar{Name: e.key, Value: e.value}
	}
	return &inject.Options{
		InjectIdentity:   o.injection == injectAlways,
		Audience:         o.tokenAudience,
		AuthorityHost:    o.authorityHost,
		LegacyPath:       o.legacyTokenPath,
		Mark:             o.reportUninjected,
		TokenEndpoint:    o.endpoint.inject(),
		Image:            o.sidecarImage,
		ImagePullPolicy:  corev1.PullPolicy(o.pullPolicy),
		ImagePullSecrets: o.pullSecrets,
		StartAfter:       o.startAfter,
		Env:              env,
		ExtraCA:          o.extraCA,
		AllowedVaults:    o.allowedVaults,
	}
}

func (e *endpointFlags) inject() *inject.TokenEndpoint {
	if e.proxy == "" {
		return nil
	}
	t := &inject.TokenEndpoint{
		Audience: e.audience, Proxy: e.proxy, SNIName: e.sniName, CAData: e.caData,
		CAConfigMap: e.caConfigMap, CASignerName: e.caSigner,
	}
	if e.caSel != "" {
		// The flag was checked to be a selector.
		t.CALabelSelector, _ = metav1.ParseToLabelSelector(e.caSel)
	}
	return t
}
