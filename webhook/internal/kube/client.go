package kube

import (
	"context"
	"encoding/json"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Resources of which the webhook reads only metadata.
var (
	ServiceAccounts       = corev1.SchemeGroupVersion.WithResource("serviceaccounts")
	Namespaces            = corev1.SchemeGroupVersion.WithResource("namespaces")
	Pods                  = corev1.SchemeGroupVersion.WithResource("pods")
	WebhookConfigurations = admissionregistrationv1.SchemeGroupVersion.WithResource("mutatingwebhookconfigurations")
)

// Client accesses one API server. Its methods return the errors of package
// k8s.io/apimachinery/pkg/api/errors.
type Client struct {
	core         rest.Interface
	registration rest.Interface
	meta         metadata.Interface
}

// Connect returns a client for the cluster of a kubeconfig file, or, if the path is empty, for the
// cluster that the process runs in. It does not send a request yet.
func Connect(kubeconfig, userAgent string) (*Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.UserAgent = userAgent
	// The API server limits requests itself (API Priority and Fairness). The client's default of 5
	// requests per second would delay a burst of admissions that each need a live read.
	config.QPS = -1
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	config.ContentType = runtime.ContentTypeProtobuf
	return newClient(config)
}

func newClient(config *rest.Config) (*Client, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, admissionregistrationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	// One HTTP client, so that all requests share one connection and one TLS handshake.
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	forGroup := func(path string, version schema.GroupVersion) (rest.Interface, error) {
		c := rest.CopyConfig(config)
		c.APIPath = path
		c.GroupVersion = &version
		c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
		return rest.RESTClientForConfigAndClient(c, http)
	}
	client := &Client{}
	if client.core, err = forGroup("/api", corev1.SchemeGroupVersion); err != nil {
		return nil, err
	}
	if client.registration, err = forGroup("/apis", admissionregistrationv1.SchemeGroupVersion); err != nil {
		return nil, err
	}
	client.meta, err = metadata.NewForConfigAndClient(metadata.ConfigFor(config), http)
	return client, err
}

// Metadata reads the metadata of one object from the API server. The namespace is empty for
// cluster-scoped objects.
func (c *Client) Metadata(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (*metav1.PartialObjectMetadata, error) {
	return c.meta.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
}

// ConfigMap reads a ConfigMap from the API server.
func (c *Client) ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	m := &corev1.ConfigMap{}
	return m, c.core.Get().Namespace(namespace).Resource("configmaps").Name(name).Do(ctx).Into(m)
}

// Pod reads a pod from the API server.
func (c *Client) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	p := &corev1.Pod{}
	return p, c.core.Get().Namespace(namespace).Resource(Pods.Resource).Name(name).Do(ctx).Into(p)
}

// DryRunPod sends a pod through admission without storing it, and returns it as it would be stored.
func (c *Client) DryRunPod(ctx context.Context, p *corev1.Pod) (*corev1.Pod, error) {
	created := &corev1.Pod{}
	return created, c.core.Post().Namespace(p.Namespace).Resource(Pods.Resource).Param("dryRun", metav1.DryRunAll).
		Body(p).Do(ctx).Into(created)
}

// CreateSecret creates a Secret, and then gives up the ownership of its metadata. Otherwise a tool
// that applies the Secret with other labels (server-side apply) gets a conflict.
func (c *Client) CreateSecret(ctx context.Context, s *corev1.Secret) error {
	created := &corev1.Secret{}
	if err := c.core.Post().Namespace(s.Namespace).Resource("secrets").Body(s).Do(ctx).Into(created); err != nil {
		return err
	}
	if err := disownMetadata(created); err != nil {
		return err
	}
	return c.UpdateSecret(ctx, created)
}

// disownMetadata removes labels, annotations and other metadata from the fields that managers own.
func disownMetadata(o metav1.Object) error {
	managers := o.GetManagedFields()
	for i := range managers {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(managers[i].FieldsV1.GetRawBytes(), &fields); err != nil {
			return err
		}
		delete(fields, "f:metadata")
		raw, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		managers[i].FieldsV1.SetRawBytes(raw)
	}
	o.SetManagedFields(managers)
	return nil
}

// UpdateSecret replaces a Secret. It fails with a conflict if the Secret's resource version has
// changed.
func (c *Client) UpdateSecret(ctx context.Context, s *corev1.Secret) error {
	return c.core.Put().Namespace(s.Namespace).Resource("secrets").Name(s.Name).Body(s).Do(ctx).Error()
}

// PatchWebhookConfiguration applies a strategic merge patch to a MutatingWebhookConfiguration.
func (c *Client) PatchWebhookConfiguration(ctx context.Context, name string, patch []byte) error {
	return c.registration.Patch(types.StrategicMergePatchType).Resource(WebhookConfigurations.Resource).
		Name(name).Body(patch).Do(ctx).Error()
}

// CreateEvent creates an Event.
func (c *Client) CreateEvent(ctx context.Context, e *corev1.Event) error {
	return c.core.Post().Namespace(e.Namespace).Resource("events").Body(e).Do(ctx).Error()
}
