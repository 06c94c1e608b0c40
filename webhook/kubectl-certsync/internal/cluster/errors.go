package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AccessError is returned if the cluster could not be read: it does not respond, or does not allow
// it. The cause is in the text.
type AccessError struct {
	Text string
	// NoResponse is true if the API server does not respond, so that nothing else can be read.
	NoResponse bool
}

func (e *AccessError) Error() string { return e.Text }

// Explain turns an error of the API server into a sentence for a person. The action completes "You
// are not allowed to ..."; the resource is the name in RBAC; the namespace is empty for all of them
// and for objects without one.
func Explain(err error, action, resource, namespace string) error {
	where := "in namespace " + fmt.Sprintf("%q", namespace)
	if namespace == "" {
		where = "in the whole cluster"
	}
	var network net.Error
	var address *url.Error
	switch {
	case apierrors.IsUnauthorized(err):
		return &AccessError{Text: "the API server does not accept your credentials: log in again, for example with az aks get-credentials"}
	case apierrors.IsForbidden(err):
		return &AccessError{Text: fmt.Sprintf("you are not allowed to %s %s: ask for the permission on %s (docs/kubectl.md lists all permissions)",
			action, where, resource)}
	case apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return notKubernetes // the body is not a Status
	case apierrors.IsNotFound(err):
		return fmt.Errorf("cannot %s %s: it does not exist: check the name and --namespace", action, where)
	case errors.As(err, &address):
		return &AccessError{Text: fmt.Sprintf("the API server does not respond: %v: check the kubeconfig's context and your network", address.Err), NoResponse: true}
	case errors.As(err, &network):
		return &AccessError{Text: fmt.Sprintf("the API server does not respond: %v: check the kubeconfig's context and your network", err), NoResponse: true}
	}
	return fmt.Errorf("cannot %s %s: %w", action, where, err)
}
