package admission

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// Annotations returns the annotations of an object, and for a namespace also
// annotations.LabelPodSecurity. The argument namespace is empty if the object is a namespace.
// The caller does not change the map. The error is a *annotations.NotFoundError if the object
// does not exist; any other error is the reason why it could not be read.
type Annotations func(ctx context.Context, namespace, name string) (map[string]string, error)

// Config is what admission decides by.
type Config struct {
	ServiceAccount Annotations
	Namespace      Annotations
	// ConfigMap reads settings from the API server; nil if the webhook is not allowed to read
	// ConfigMaps.
	ConfigMap func(ctx context.Context, namespace, name string) (*settings.ConfigMap, error)
	// Options returns the current options. They change with the cluster.
	Options func() *inject.Options

	// Defaults are the chart's certsync annotations. The keys do not have contract.Prefix.
	Defaults map[string]string
	// TenantID is the default for service accounts without a tenant ID.
	TenantID string
	// TokenEndpointSuffix is the suffix of the annotation "use-<suffix>"; empty without a custom
	// token endpoint.
	TokenEndpointSuffix string
}

// defaultServiceAccount is the service account of pods that do not name one. The API server's own
// admission sets it before it calls webhooks, unless that is disabled.
const defaultServiceAccount = "default"

// mirrorAnnotation marks a mirror pod: the API server's copy of a static pod, which the kubelet
// runs from a file.
//
// Source:
// https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror
const mirrorAnnotation = corev1.MirrorPodAnnotationKey

// result is the result for a pod that is allowed.
type result = inject.Result

// reads are what a decision has read from the cluster.
type reads struct {
	account                   string // the pod's service account
	serviceAccount, namespace map[string]string
	options                   *inject.Options // never modified
	// configMap is set if the decision also read a ConfigMap.
	configMap bool
}

// mutate computes what a pod needs. The error is a *denial if it is about the pod.
func (c *Config) mutate(ctx context.Context, pod *corev1.Pod) (result, error) {
	return c.decide(ctx, pod, new(reads))
}

// decide is mutate, and tells what it reads.
func (c *Config) decide(ctx context.Context, pod *corev1.Pod, read *reads) (result, error) {
	if pod.Labels[contract.LabelUse] != "true" {
		return result{}, nil
	}
	if _, static := pod.Annotations[mirrorAnnotation]; static {
		return result{Warnings: []string{"a static pod cannot have an identity or certificates, because it cannot use a service account"}}, nil
	}
	if err := checkLimits(pod); err != nil {
		return result{}, invalid(err)
	}
	account := pod.Spec.ServiceAccountName
	if account == "" {
		account = defaultServiceAccount
	}
	sources := settings.Sources{Pod: pod.Annotations, Chart: c.Defaults}
	var err error
	if sources.ServiceAccount, err = c.ServiceAccount(ctx, pod.Namespace, account); err != nil {
		return result{}, missing(err)
	}
	if sources.Namespace, err = c.Namespace(ctx, "", pod.Namespace); err != nil {
		return result{}, missing(err)
	}
	if err := ended(ctx); err != nil {
		return result{}, err
	}
	options := c.Options()
	*read = reads{account, sources.ServiceAccount, sources.Namespace, options, c.readsConfigMap(sources)}
	identity, err := settings.ResolveIdentity(settings.IdentityInput{
		Pod: pod.Annotations, ServiceAccount: sources.ServiceAccount,
		Namespace: pod.Namespace, ServiceAccountName: account,
		DefaultTenantID: c.TenantID, TokenEndpointSuffix: c.TokenEndpointSuffix,
		PodSecurity: sources.Namespace[annotations.LabelPodSecurity],
	})
	if err != nil {
		return result{}, invalid(err)
	}
	resolved, err := c.resolve(ctx, pod.Namespace, sources, settings.Options{
		AllowedVaults: options.AllowedVaults, Endpoint: inject.WantsEndpoint(pod, identity, options),
		UserRange: sources.Namespace[annotations.AnnotationUserRange],
	})
	if err != nil {
		return result{}, err
	}
	if err := ended(ctx); err != nil {
		return result{}, err
	}
	r, err := inject.Pod(pod, identity, resolved, options)
	if err != nil {
		return result{}, invalid(err)
	}
	return r, nil
}

// readsConfigMap reports whether the settings are in a ConfigMap that resolve reads.
func (c *Config) readsConfigMap(s settings.Sources) bool {
	return c.ConfigMap != nil && settings.ConfigMapName(s) != ""
}

// resolve resolves the certsync annotations and the ConfigMap that they name.
func (c *Config) resolve(ctx context.Context, namespace string, sources settings.Sources, o settings.Options) (*settings.Resolved, error) {
	if c.readsConfigMap(sources) {
		name := settings.ConfigMapName(sources)
		m, err := c.ConfigMap(ctx, namespace, name)
		if err != nil {
			return nil, fmt.Errorf("reading ConfigMap %q in namespace %q: %w", name, namespace, err)
		}
		if err := ended(ctx); err != nil {
			return nil, err
		}
		o.ConfigMap = m
	}
	resolved, err := settings.Resolve(sources, o)
	if err != nil {
		return nil, invalid(err)
	}
	return resolved, nil
}

// ended returns an error if nobody waits for the response any more, because the client has gone or
// its timeout has passed.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("admission ended before the response was ready: %w", err)
	}
	return nil
}

// denial is the reason why a pod is denied.
type denial struct {
	code   int32
	reason error
}

func (d *denial) Error() string { return d.reason.Error() }
func (d *denial) Unwrap() error { return d.reason }

// invalid turns an error about an annotation or the pod into a denial.
func invalid(err error) error {
	var annotation *settings.Error
	var pod *inject.Denied
	if errors.As(err, &annotation) || errors.As(err, &pod) {
		return &denial{400, err}
	}
	return err
}

// missing turns an error about an object that does not exist into a denial. A pod without the
// object could not start; the API server's own admission denies it with the same code.
func missing(err error) error {
	var notFound *annotations.NotFoundError
	if errors.As(err, &notFound) {
		return &denial{403, fmt.Errorf("%w: create it before the pod, or correct the pod", err)}
	}
	return err
}
