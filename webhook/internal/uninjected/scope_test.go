package uninjected

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestOnlyPodsOfTheWebhookCount checks that only pods are reported that the API server would send
// to the webhook.
func TestOnlyPodsOfTheWebhookCount(t *testing.T) {
	type webhook = admissionregistrationv1.MutatingWebhook
	in := func(namespace string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Namespace = namespace }
	}
	labelled := func(key string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Labels[key] = "true" }
	}
	for name, test := range map[string]struct {
		configuration *admissionregistrationv1.MutatingWebhookConfiguration
		pod           func(*corev1.Pod)
		missed        int
	}{
		"matching":             {configuration(), in("team"), 1},
		"excluded namespace":   {configuration(), in("excluded"), 0},
		"namespace is deleted": {configuration(), in("deleted"), 0},
		"no configuration":     {nil, in("team"), 0},
		"object selector": {configuration(func(w *webhook) {
			w.ObjectSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "skip", Operator: metav1.LabelSelectorOpDoesNotExist}}
		}), labelled("skip"), 0},
		"no selectors": {configuration(func(w *webhook) { w.ObjectSelector, w.NamespaceSelector = nil, nil }), in("excluded"), 1},
		"match conditions": {configuration(func(w *webhook) {
			w.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "no-robots", Expression: `!request.userInfo.username.startsWith("robot")`}}
		}), in("team"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newTestCluster()
				f := start(t, c)
				f.Observe(test.configuration)
				f.Set(c.add("missed", test.pod))
				wait(time.Minute)
				if n := f.Count(); n != test.missed || len(c.events) != test.missed {
					t.Errorf("got %d pods and %d events, want %d", n, len(c.events), test.missed)
				}
			})
		})
	}
}

// TestConfigurationChanges checks that no pod is examined before the selectors are known, that a
// change of the selectors causes a new examination, and that other changes do not.
func TestConfigurationChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster()
		f := NewFinder(c, check, slog.New(slog.DiscardHandler))
		go f.Run(t.Context())
		f.Set(c.add("missed"))
		wait(time.Second)
		if c.reads != 0 {
			t.Error("a pod was read before the selectors were known")
		}
		f.Observe(configuration(func(w *admissionregistrationv1.MutatingWebhook) {
			w.NamespaceSelector.MatchExpressions[0].Values = []string{"ns"}
		}))
		wait(time.Second)
		if n := f.Count(); n != 0 {
			t.Errorf("got %d pods in an excluded namespace, want 0", n)
		}
		f.Observe(configuration())
		wait(time.Second)
		if n := f.Count(); n != 1 {
			t.Errorf("got %d pods after the namespace was included again, want 1", n)
		}
		reads := c.reads
		f.Observe(configuration(func(w *admissionregistrationv1.MutatingWebhook) { w.ClientConfig.CABundle = []byte("another") }))
		wait(time.Second)
		if c.reads != reads {
			t.Error("pods were read again after an unrelated change")
		}
		f.Observe(nil)
		wait(time.Second)
		if n := f.Count(); n != 0 {
			t.Errorf("got %d pods without a webhook configuration, want 0", n)
		}
	})
}
