package admission

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/serviceaccount"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// Annotations returns the annotations of the object of a name, and of a namespace also serviceaccount.LabelPodSecurity;
// namespace is empty for a namespace itself. The map is not changed. The error is a *serviceaccount.NotFoundError, or says
// why the object could not be read.
type Annotations func(ctx context.Context, namespace, name string) (map[string]string, error)

// Config is what pods are injected by.
type Config struct {
	ServiceAccount Annotations
	Namespace      Annotations
	// ConfigMap reads settings from the API server itself; nil where the webhook may not.
	ConfigMap func(ctx context.Context, namespace, name string) (*settings.ConfigMap, error)
	// Options returns what is in force now: it changes with the cluster.
	Options func() *inject.Options

	// Defaults are the chart's certsync annotations, with keys without contract.Prefix.
	Defaults map[string]string
	// TenantID is used where a service account names none.
	TenantID string
	// TokenEndpointSuffix is that of the annotation "use-<suffix>"; empty without a custom token endpoint.
	TokenEndpointSuffix string
}

// defaultServiceAccount is that of pods that name none. The API server's own admission fills it in
// before webhooks are called, unless that is switched off.
const defaultServiceAccount = "default"

// mirrorAnnotation marks the API server's picture of a static pod, which the kubelet runs from a file.
//
// Source: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror
const mirrorAnnotation = corev1.MirrorPodAnnotationKey

// result is an answer that allows the pod.
type result = inject.Result

// mutate finds out what a pod needs. The error is a *denial, or is not about the pod.
func (c *Config) mutate(ctx context.Context, pod *corev1.Pod) (result, error) {
	if pod.Labels[contract.LabelUse] != "true" {
		return result{}, nil
	}
	if _, static := pod.Annotations[mirrorAnnotation]; static {
		return result{Warnings: []string{"a static pod can have no identity and no certificates: it cannot use a service account"}}, nil
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
	options := c.Options()
	identity, err := settings.ResolveIdentity(settings.IdentityInput{
		Pod: pod.Annotations, ServiceAccount: sources.ServiceAccount,
		Namespace: pod.Namespace, ServiceAccountName: account,
		DefaultTenantID: c.TenantID, TokenEndpointSuffix: c.TokenEndpointSuffix,
		PodSecurity: sources.Namespace[serviceaccount.LabelPodSecurity],
	})
	if err != nil {
		return result{}, invalid(err)
	}
	resolved, err := c.resolve(ctx, pod.Namespace, sources, settings.Options{
		AllowedVaults: options.AllowedVaults, Endpoint: inject.WantsEndpoint(pod, identity, options),
	})
	if err != nil {
		return result{}, err
	}
	r, err := inject.Pod(pod, identity, resolved, options)
	if err != nil {
		return result{}, invalid(err)
	}
	return r, nil
}

// resolve resolves the certsync annotations, with the ConfigMap that they name.
func (c *Config) resolve(ctx context.Context, namespace string, sources settings.Sources, o settings.Options) (*settings.Resolved, error) {
	if name := settings.ConfigMapName(sources); name != "" && c.ConfigMap != nil {
		m, err := c.ConfigMap(ctx, namespace, name)
		if err != nil {
			return nil, fmt.Errorf("reading ConfigMap %q in namespace %q: %w", name, namespace, err)
		}
		o.ConfigMap = m
	}
	resolved, err := settings.Resolve(sources, o)
	if err != nil {
		return nil, invalid(err)
	}
	return resolved, nil
}

// denial is why a pod is refused.
type denial struct {
	code   int32
	reason error
}

func (d *denial) Error() string { return d.reason.Error() }
func (d *denial) Unwrap() error { return d.reason }

// invalid is a denial where the error is about an annotation or the pod.
func invalid(err error) error {
	var annotation *settings.Error
	var pod *inject.Denied
	if errors.As(err, &annotation) || errors.As(err, &pod) {
		return &denial{400, err}
	}
	return err
}

// missing is a denial where the error is about an object that does not exist: a pod without it could not
// start, and the API server's own admission refuses it with the same code.
func missing(err error) error {
	var notFound *serviceaccount.NotFoundError
	if errors.As(err, &notFound) {
		return &denial{403, fmt.Errorf("%w: create it before the pod, or correct the pod", err)}
	}
	return err
}
