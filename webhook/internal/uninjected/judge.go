package uninjected

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Run judges pods until the context ends.
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
		} else if err := f.judge(ctx, c, scope); err != nil && ctx.Err() == nil {
			f.log.Error("the search for uninjected pods failed", "namespace", c.namespace, "pod", c.name, "error", err)
			f.again(c)
			wait = retryAfter
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// next removes an existing pod from the queue, and returns it with the scope to judge it by.
func (f *Finder) next() (*candidate, scope, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.scope) == 0 {
		return nil, nil, false // no pod matches: Observe wakes this up
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

func (f *Finder) again(c *candidate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, c)
}

// judge reads a pod and sets its verdict.
func (f *Finder) judge(ctx context.Context, c *candidate, s scope) error {
	pod, err := f.api.Pod(ctx, c.namespace, c.name)
	if apierrors.IsNotFound(err) || err == nil && pod.UID != c.uid {
		return nil // the watch delivers its deletion
	}
	if err != nil {
		return err
	}
	was, refusal, err := f.missed(ctx, pod, s)
	if err != nil {
		return err
	}
	v := fine
	if was {
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

// missed reports whether a pod was created without the webhook although the webhook's selectors
// match it, and why the webhook would refuse it.
func (f *Finder) missed(ctx context.Context, pod *corev1.Pod, s scope) (was bool, refusal string, err error) {
	if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed ||
		!s.includesObject(pod.Labels) {
		return false, "", nil
	}
	if was, refusal, err = f.check(ctx, pod); err != nil || !was {
		return false, "", err
	}
	namespace, err := f.api.Metadata(ctx, corev1.SchemeGroupVersion.WithResource("namespaces"), "", pod.Namespace)
	switch {
	case apierrors.IsNotFound(err):
		return false, "", nil // the pod is deleted with it
	case err != nil:
		return false, "", err
	}
	return s.includes(pod.Labels, namespace.Labels), refusal, nil
}
