package uninjected

import (
	"context"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// pause is between two pods that are looked at: after a start there may be thousands, and there is no hurry.
	pause = 50 * time.Millisecond
	// retryAfter is waited after an error.
	retryAfter = 10 * time.Second
)

// API is what is needed of the API server. Its errors are those of k8s.io/apimachinery/pkg/api/errors.
type API interface {
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	CreateEvent(context.Context, *corev1.Event) error
}

// Check reports whether admission would have changed or refused the pod, and for a refusal, why.
type Check func(context.Context, *corev1.Pod) (missed bool, refusal string, err error)

// Finder looks at pods. It is a kube.Sink of the metadata of labelled pods.
type Finder struct {
	api   API
	check Check
	log   *slog.Logger
	wake  chan struct{}

	mu sync.Mutex
	// pods are those without the mark of injection.
	pods map[types.UID]verdict
	// queue are those of them that are not judged yet, with their names.
	queue []reference
}

type verdict int

const (
	pending verdict = iota
	fine
	missed
)

type reference struct {
	uid             types.UID
	namespace, name string
}

// NewFinder returns a Finder that knows of no pods.
func NewFinder(api API, check Check, log *slog.Logger) *Finder {
	return &Finder{api: api, check: check, log: log, wake: make(chan struct{}, 1), pods: map[types.UID]verdict{}}
}

// Strip drops all of a pod's metadata that Finder does not need.
func Strip(o *metav1.PartialObjectMetadata) {
	kept := metav1.ObjectMeta{UID: o.UID, Namespace: o.Namespace, Name: o.Name}
	if marked(o) {
		kept.Annotations = map[string]string{mark: "true"}
	}
	o.ObjectMeta = kept
}

// mark is on pods with a sidecar.
const mark = contract.Prefix + contract.KeyInjected

func marked(o *metav1.PartialObjectMetadata) bool { return o.Annotations[mark] == "true" }

// Count returns the number of pods that are known to have been missed.
func (f *Finder) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, v := range f.pods {
		if v == missed {
			n++
		}
	}
	return n
}

// Replace implements kube.Sink.
func (f *Finder) Replace(list []*metav1.PartialObjectMetadata) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.pods
	f.pods, f.queue = make(map[types.UID]verdict), nil
	for _, o := range list {
		if v := known[o.UID]; v != pending {
			f.pods[o.UID] = v
		} else {
			f.add(o)
		}
	}
}

// Set implements kube.Sink.
func (f *Finder) Set(o *metav1.PartialObjectMetadata) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.pods[o.UID]; !known {
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
	if marked(o) {
		return
	}
	f.pods[o.UID] = pending
	f.queue = append(f.queue, reference{o.UID, o.Namespace, o.Name})
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run judges pods until the context ends.
func (f *Finder) Run(ctx context.Context) {
	for {
		wait := pause
		if r, ok := f.next(); !ok {
			select {
			case <-ctx.Done():
				return
			case <-f.wake:
			}
			continue
		} else if err := f.judge(ctx, r); err != nil && ctx.Err() == nil {
			f.log.Error("looking for uninjected pods failed", "namespace", r.namespace, "pod", r.name, "error", err)
			f.again(r)
			wait = retryAfter
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// next takes a pod that is still there from the queue.
func (f *Finder) next() (reference, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) > 0 {
		r := f.queue[0]
		f.queue = f.queue[1:]
		if v, there := f.pods[r.uid]; there && v == pending {
			return r, true
		}
	}
	return reference{}, false
}

func (f *Finder) again(r reference) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, r)
}

// judge reads a pod and decides about it.
func (f *Finder) judge(ctx context.Context, r reference) error {
	pod, err := f.api.Pod(ctx, r.namespace, r.name)
	if apierrors.IsNotFound(err) || err == nil && pod.UID != r.uid {
		return nil // its deletion will be seen
	}
	if err != nil {
		return err
	}
	v, refusal := fine, ""
	if pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
		var was bool
		if was, refusal, err = f.check(ctx, pod); err != nil {
			return err
		} else if was {
			v = missed
			if err := f.tell(ctx, pod, refusal); err != nil {
				return err
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.pods[r.uid]; there {
		f.pods[r.uid] = v
	}
	return nil
}
