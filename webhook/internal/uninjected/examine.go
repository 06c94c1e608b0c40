package uninjected

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Run examines pods until ctx ends.
func (f *Finder) Run(ctx context.Context) {
	for {
		wait := pause
		if c, scope, ok := f.next(); !ok {
			select {
			case <-ctx.Done():
				return
			case <-f.wake:
			}
			continue
		} else if err := f.examine(ctx, c, scope); err != nil && ctx.Err() == nil {
			f.log.Error("cannot check whether the pod was injected", "namespace", c.namespace, "pod", c.name, "error", err)
			f.requeue(c)
			wait = retryAfter
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// next removes a pod that still exists from the queue. It also returns the current scope.
func (f *Finder) next() (*candidate, scope, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.scope) == 0 {
		return nil, nil, false // no pod matches; Observe wakes Run
	}
	for len(f.queue) > 0 {
		c := f.queue[0]
		f.queue = f.queue[1:]
		if f.pods[c.uid] == c {
			return c, f.scope, true
		}
	}
	return nil, nil, false
}

func (f *Finder) requeue(c *candidate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, c)
}

// examine reads a pod, decides whether it was missed, and creates the Event.
func (f *Finder) examine(ctx context.Context, c *candidate, s scope) error {
	pod, err := f.api.Pod(ctx, c.namespace, c.name)
	if apierrors.IsNotFound(err) || err == nil && pod.UID != c.uid {
		return nil // Delete will be called
	}
	if err != nil {
		return err
	}
	isMissed, refusal, err := f.isMissed(ctx, pod, s)
	if err != nil {
		return err
	}
	v := notMissed
	if isMissed {
		v = missed
		if err := f.createEvent(ctx, pod, refusal); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c.verdict = v
	return nil
}

// isMissed reports whether the webhook should have received the pod but did not, and, if the
// webhook would refuse it, why.
func (f *Finder) isMissed(ctx context.Context, pod *corev1.Pod, s scope) (missed bool, refusal string, err error) {
	if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed ||
		!s.matchesObject(pod.Labels) {
		return false, "", nil
	}
	if missed, refusal, err = f.check(ctx, pod); err != nil || !missed {
		return false, "", err
	}
	namespace, err := f.api.Metadata(ctx, corev1.SchemeGroupVersion.WithResource("namespaces"), "", pod.Namespace)
	switch {
	case apierrors.IsNotFound(err):
		return false, "", nil // the pod is deleted with it
	case err != nil:
		return false, "", err
	}
	return s.matches(pod.Labels, namespace.Labels), refusal, nil
}
