package uninjected

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// scope decides which pods the API server sends to the webhook: those that match any of the
// elements.
type scope []selectors

// selectors are the selectors of one webhook in a MutatingWebhookConfiguration.
type selectors struct{ namespaces, objects labels.Selector }

// newScope returns the scope of a configuration, which is empty if the configuration is nil. It
// omits webhooks whose scope the selectors alone do not determine, and returns the reasons.
func newScope(c *admissionregistrationv1.MutatingWebhookConfiguration) (s scope, omitted []string) {
	if c == nil {
		return nil, nil
	}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		namespaces, err := selector(w.NamespaceSelector)
		objects, objectsErr := selector(w.ObjectSelector)
		switch {
		case err != nil || objectsErr != nil: // the API server should have refused it
			omitted = append(omitted, fmt.Sprintf("webhook %s has an invalid selector", w.Name))
		case len(w.MatchConditions) > 0:
			omitted = append(omitted, fmt.Sprintf("webhook %s has matchConditions: the pods that they exclude look like missed pods", w.Name))
		default:
			s = append(s, selectors{namespaces, objects})
		}
	}
	return s, omitted
}

// selector converts a selector. As in the API server, nil matches everything.
func selector(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// matchesObject reports whether a pod with these labels matches in at least one namespace.
func (s scope) matchesObject(pod map[string]string) bool {
	for _, w := range s {
		if w.objects.Matches(labels.Set(pod)) {
			return true
		}
	}
	return false
}

// matches reports whether a pod with these labels matches in a namespace with these labels.
func (s scope) matches(pod, namespace map[string]string) bool {
	for _, w := range s {
		if w.objects.Matches(labels.Set(pod)) && w.namespaces.Matches(labels.Set(namespace)) {
			return true
		}
	}
	return false
}

// equal reports whether both scopes have the same selectors.
func (s scope) equal(other scope) bool {
	if len(s) != len(other) {
		return false
	}
	for i := range s {
		if s[i].namespaces.String() != other[i].namespaces.String() || s[i].objects.String() != other[i].objects.String() {
			return false
		}
	}
	return true
}
