package uninjected

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// scope is the set of pods that the API server sends to the webhook.
type scope []selectors

// selectors are the selectors of one webhook of a MutatingWebhookConfiguration.
type selectors struct{ namespaces, objects labels.Selector }

// newScope returns the scope of a configuration; it is empty without one. It leaves out webhooks
// whose scope does not depend on selectors alone, and returns the reasons.
func newScope(c *admissionregistrationv1.MutatingWebhookConfiguration) (s scope, unknown []string) {
	if c == nil {
		return nil, nil
	}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		namespaces, err := selector(w.NamespaceSelector)
		objects, objectsErr := selector(w.ObjectSelector)
		switch {
		case err != nil || objectsErr != nil: // the API server does not accept such a selector
			unknown = append(unknown, fmt.Sprintf("webhook %s has an invalid selector", w.Name))
		case len(w.MatchConditions) > 0:
			unknown = append(unknown, fmt.Sprintf("webhook %s has matchConditions: a pod that they exclude cannot be told from one that was created without the webhook", w.Name))
		default:
			s = append(s, selectors{namespaces, objects})
		}
	}
	return s, unknown
}

// selector converts a selector. As for the API server, nil selects everything.
func selector(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// includesObject reports whether the scope has a pod with the labels in some namespace.
func (s scope) includesObject(pod map[string]string) bool {
	for _, w := range s {
		if w.objects.Matches(labels.Set(pod)) {
			return true
		}
	}
	return false
}

// includes reports whether the scope has a pod with the labels in a namespace with the labels.
func (s scope) includes(pod, namespace map[string]string) bool {
	for _, w := range s {
		if w.objects.Matches(labels.Set(pod)) && w.namespaces.Matches(labels.Set(namespace)) {
			return true
		}
	}
	return false
}

// equal reports whether both are the same set of pods.
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
