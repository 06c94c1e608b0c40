package uninjected

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// pause is the wait between two pods: after a start there may be thousands, and they are not
	// urgent.
	pause = 50 * time.Millisecond
	// retryAfter is the wait after an error.
	retryAfter = 10 * time.Second
)

// API is the access to the API server. Its errors are those of package
// k8s.io/apimachinery/pkg/api/errors.
type API interface {
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	Metadata(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (*metav1.PartialObjectMetadata, error)
	CreateEvent(context.Context, *corev1.Event) error
}

// Check reports whether admission would change or refuse the pod, and why it would refuse it.
type Check func(context.Context, *corev1.Pod) (missed bool, refusal string, err error)

// Finder examines labelled pods. It is a kube.Sink for their metadata.
type Finder struct {
	api   API
	check Check
	log   *slog.Logger
	wake  chan struct{}

	mu sync.Mutex
	// scope is valid only if observed is true.
	scope    scope
	observed bool
	// pods are the pods without the mark. queue holds those that are not examined yet; some of them
	// may have been deleted.
	pods  map[types.UID]*candidate
	queue []*candidate
}

// candidate is a pod that may have been created without the webhook.
type candidate struct {
	uid             types.UID
	namespace, name string
	verdict         verdict
}

type verdict int

const (
	pending verdict = iota
	notMissed
	missed
)

// NewFinder returns a Finder without pods. It examines pods only after the first Observe.
func NewFinder(api API, check Check, log *slog.Logger) *Finder {
	return &Finder{api: api, check: check, log: log, wake: make(chan struct{}, 1), pods: map[types.UID]*candidate{}}
}

// Strip removes the metadata of a pod that Finder does not need.
func Strip(o *metav1.PartialObjectMetadata) {
	kept := metav1.ObjectMeta{UID: o.UID, Namespace: o.Namespace, Name: o.Name}
	if marked(o) {
		kept.Annotations = map[string]string{mark: "true"}
	}
	o.ObjectMeta = kept
}

// mark is the annotation of injected pods: of all pods that the webhook changed while
// inject.Options.Mark is set, otherwise only of those with a sidecar.
const mark = contract.Prefix + contract.KeyInjected

func marked(o *metav1.PartialObjectMetadata) bool { return o.Annotations[mark] == "true" }

// Count returns the number of pods that were found to be missed.
func (f *Finder) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.pods {
		if c.verdict == missed {
			n++
		}
	}
	return n
}

// Observe receives the webhook's configuration, or nil if it does not exist, at the start and after
// each change. If the configuration matches other pods than before, all pods are examined again.
func (f *Finder) Observe(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	scope, omitted := newScope(c)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.observed && f.scope.equal(scope) {
		return
	}
	if len(omitted) > 0 {
		f.log.Warn("cannot look for uninjected pods", "reason", strings.Join(omitted, "; "))
	}
	f.scope, f.observed, f.queue = scope, true, nil
	for uid, c := range f.pods {
		// A new candidate: a verdict on the old one, which may be in progress, must not count.
		f.enqueue(&candidate{uid: uid, namespace: c.namespace, name: c.name})
	}
}

// Replace implements kube.Sink.
func (f *Finder) Replace(list []*metav1.PartialObjectMetadata) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.pods
	f.pods, f.queue = make(map[types.UID]*candidate), nil
	for _, o := range list {
		if c := known[o.UID]; c != nil && c.verdict != pending {
			f.pods[o.UID] = c
		} else {
			f.add(o)
		}
	}
}

// Set implements kube.Sink.
func (f *Finder) Set(o *metav1.PartialObjectMetadata) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pods[o.UID] == nil {
		f.add(o)
	}
}

// Delete implements kube.Sink.
func (f *Finder) Delete(o *metav1.PartialObjectMetadata) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.pods, o.UID)
}

// add is called with the lock held.
func (f *Finder) add(o *metav1.PartialObjectMetadata) {
	if !marked(o) {
		f.enqueue(&candidate{uid: o.UID, namespace: o.Namespace, name: o.Name})
	}
}

// enqueue is called with the lock held.
func (f *Finder) enqueue(c *candidate) {
	f.pods[c.uid] = c
	f.queue = append(f.queue, c)
	select {
	case f.wake <- struct{}{}:
	default:
	}
}
