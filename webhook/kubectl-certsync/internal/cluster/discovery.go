package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
)

// notKubernetes is returned for a server that responds, but not as an API server does.
var notKubernetes = &AccessError{
	Text:       "the server does not respond as a Kubernetes API server: check the kubeconfig's context, and --server",
	NoResponse: true,
}

// ServerVersion returns the version of the API server.
func (c *Client) ServerVersion(ctx context.Context) (*version.Info, error) {
	data, err := c.Discovery().RESTClient().Get().AbsPath("/version").DoRaw(ctx)
	if err != nil {
		var access *AccessError
		if explained := Explain(err, "read the API server's version", "/version", ""); errors.As(explained, &access) {
			return nil, explained
		}
		return nil, notKubernetes
	}
	var info version.Info
	if err := json.Unmarshal(data, &info); err != nil || info.GitVersion == "" {
		return nil, notKubernetes
	}
	return &info, nil
}

// Issuer returns the issuer of the cluster's service-account tokens, exactly as Entra ID compares
// it.
//
// Source:
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
func (c *Client) Issuer(ctx context.Context) (string, error) {
	data, err := c.Discovery().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	if err != nil {
		return "", Explain(err, "read the issuer of service-account tokens", "/.well-known/openid-configuration", "")
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(data, &document); err != nil || document.Issuer == "" {
		return "", fmt.Errorf("/.well-known/openid-configuration does not name an issuer: %w", err)
	}
	return document.Issuer, nil
}

// denied reports whether the caller is known to lack the permission for a stream of a pod. The
// clients for streams return the API server's refusal only as a text.
func (c *Client) denied(ctx context.Context, namespace, subresource string) bool {
	allowed, err := c.Allowed(ctx, authorizationv1.ResourceAttributes{
		Verb: "create", Resource: "pods", Subresource: subresource, Namespace: namespace,
	})
	return err == nil && !allowed
}

// Allowed reports whether the caller may do something.
func (c *Client) Allowed(ctx context.Context, a authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a}}
	r, err := c.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, Explain(err, "check your permissions", "selfsubjectaccessreviews", "")
	}
	return r.Status.Allowed, nil
}
