package uninjected

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// testCluster is a fake API server with pods, and with at most one Event per name. Each namespace
// has the label that every namespace has, with its name.
type testCluster struct {
	sync.Mutex
	pods   map[string]*corev1.Pod
	events map[string]*corev1.Event
	fail   error
	reads  int
}

func (c *testCluster) Pod(_ context.Context, _, name string) (*corev1.Pod, error) {
	c.Lock()
	defer c.Unlock()
	c.reads++
	if c.fail != nil {
		return nil, c.fail
	}
	if p := c.pods[name]; p != nil {
		return p, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, name)
}

func (c *testCluster) Metadata(_ context.Context, resource schema.GroupVersionResource, _, name string) (*metav1.PartialObjectMetadata, error) {
	if resource.Resource != "namespaces" || name == "deleted" {
		return nil, apierrors.NewNotFound(resource.GroupResource(), name)
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}}, nil
}

func (c *testCluster) CreateEvent(_ context.Context, e *corev1.Event) error {
	c.Lock()
	defer c.Unlock()
	if c.events[e.Name] != nil {
		return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "events"}, e.Name)
	}
	c.events[e.Name] = e
	return nil
}

// check reports pods as missed, or refused, by their names.
func check(_ context.Context, pod *corev1.Pod) (bool, string, error) {
	refusal := ""
	if strings.HasPrefix(pod.Name, "missed-refused") {
		refusal = "annotation x: no"
	}
	return strings.HasPrefix(pod.Name, "missed"), refusal, nil
}

func (c *testCluster) add(name string, change ...func(*corev1.Pod)) *metav1.PartialObjectMetadata {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: name, UID: types.UID("uid-of-" + name), Labels: map[string]string{contract.LabelUse: "true"},
	}}
	for _, f := range change {
		f(p)
	}
	c.Lock()
	defer c.Unlock()
	c.pods[name] = p
	o := &metav1.PartialObjectMetadata{ObjectMeta: p.ObjectMeta}
	Strip(o)
	return o
}

func start(t *testing.T, c *testCluster) *Finder {
	f := NewFinder(c, check, slog.New(slog.DiscardHandler))
	f.Observe(configuration())
	go f.Run(t.Context())
	return f
}

// configuration returns the chart's configuration with changes.
func configuration(change ...func(*admissionregistrationv1.MutatingWebhook)) *admissionregistrationv1.MutatingWebhookConfiguration {
	w := admissionregistrationv1.MutatingWebhook{
		ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{contract.LabelUse: "true"}},
		NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"azure-cert-sync-system", "excluded"}},
		}},
	}
	for _, f := range change {
		f(&w)
	}
	return &admissionregistrationv1.MutatingWebhookConfiguration{Webhooks: []admissionregistrationv1.MutatingWebhook{w}}
}

// wait waits for d, and then until all goroutines are idle.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func newTestCluster() *testCluster {
	return &testCluster{pods: map[string]*corev1.Pod{}, events: map[string]*corev1.Event{}}
}

func TestMissedPodsAreCountedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster()
		injected := func(p *corev1.Pod) { p.Annotations = map[string]string{mark: "true"} }
		done := func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }
		withController := func(p *corev1.Pod) {
			yes := true
			p.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "missed", Controller: &yes}}
		}
		list := []*metav1.PartialObjectMetadata{
			c.add("injected", injected), c.add("identity-only"), c.add("missed-done", done), c.add("missed", withController), c.add("missed-refused"),
		}
		replicas := []*Finder{start(t, c), start(t, c)}
		for _, f := range replicas {
			f.Replace(list)
		}
		wait(time.Second)
		for i, f := range replicas {
			if n := f.Count(); n != 2 {
				t.Errorf("replica %d counts %d pods, want 2", i, n)
			}
		}
		if len(c.events) != 2 {
			t.Fatalf("got %d events for two pods and two replicas, want 2", len(c.events))
		}
		e := c.events["certsync-uninjected-uid-of-missed"]
		if e == nil || e.InvolvedObject.Name != "missed" || e.InvolvedObject.UID != "uid-of-missed" ||
			e.Type != corev1.EventTypeWarning || !strings.Contains(e.Message, "Delete the pod so that its controller creates it again.") {
			t.Errorf("event: %+v", e)
		}
		if e := c.events["certsync-uninjected-uid-of-missed-refused"]; e == nil || !strings.Contains(e.Message, "Delete the pod and create it again. The webhook would now refuse it: annotation x: no") {
			t.Errorf("event of a pod that would be refused: %+v", e)
		}

		// Updates of examined pods cause no reads. Deleted pods do not count any more.
		reads := c.reads
		for _, o := range list {
			replicas[0].Set(o)
		}
		replicas[0].Replace(list)
		replicas[0].Delete(list[3])
		wait(time.Second)
		if c.reads != reads {
			t.Errorf("%d pods were read again", c.reads-reads)
		}
		if n := replicas[0].Count(); n != 1 {
			t.Errorf("got %d pods after one of two was deleted, want 1", n)
		}
		replicas[0].Set(c.add("missed-later"))
		wait(time.Second)
		if n := replicas[0].Count(); n != 2 {
			t.Errorf("got %d pods after one was added, want 2", n)
		}
	})
}

func TestErrorsAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster()
		c.fail = errors.New("connection refused")
		f := start(t, c)
		f.Set(c.add("missed"))
		deleted := c.add("missed-deleted")
		f.Set(deleted)
		wait(time.Minute)
		if f.Count() != 0 || c.reads > 10 {
			t.Errorf("got %d pods, %d reads while the API server does not respond; want 0, at most 10", f.Count(), c.reads)
		}
		c.Lock()
		c.fail = nil
		delete(c.pods, "missed-deleted")
		c.Unlock()
		wait(time.Minute)
		if f.Count() != 1 || len(c.events) != 1 {
			t.Errorf("got %d pods, %d events; want 1, 1", f.Count(), len(c.events))
		}
	})
}
