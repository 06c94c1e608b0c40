package uninjected

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// scope is which pods the API server asks the webhook about.
type scope []selectors

// selectors are those of one webhook of a MutatingWebhookConfiguration.
type selectors struct{ namespaces, objects labels.Selector }

// newScope returns the scope that a configuration gives, which is nothing without one. Webhooks whose scope cannot be told
// by selectors alone are left out, and the reason is returned.
func newScope(c *admissionregistrationv1.MutatingWebhookConfiguration) (s scope, unknown []string) {
	if c == nil {
		return nil, nil
	}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		namespaces, err := selector(w.NamespaceSelector)
		objects, objectsErr := selector(w.ObjectSelector)
		switch {
		case err != nil || objectsErr != nil: // the API server accepts no such selector
			unknown = append(unknown, fmt.Sprintf("webhook %s has a selector that is none", w.Name))
		case len(w.MatchConditions) > 0:
			unknown = append(unknown, fmt.Sprintf("webhook %s has matchConditions: a pod that they leave out looks like one that was missed", w.Name))
		default:
			s = append(s, selectors{namespaces, objects})
		}
	}
	return s, unknown
}

// selector is labels' form of a selector, of which nil, as the API server has it, means everything.
func selector(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// includesObject reports whether a pod with the labels is meant in some namespace.
func (s scope) includesObject(pod map[string]string) bool {
	for _, w := range s {
		if w.objects.Matches(labels.Set(pod)) {
			return true
		}
	}
	return false
}

// includes reports whether a pod with the labels is meant in a namespace with the labels.
func (s scope) includes(pod, namespace map[string]string) bool {
	for _, w := range s {
		if w.objects.Matches(labels.Set(pod)) && w.namespaces.Matches(labels.Set(namespace)) {
			return true
		}
	}
	return false
}

// equal reports whether both mean the same pods.
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
