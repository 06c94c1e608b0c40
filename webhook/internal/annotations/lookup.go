package annotations

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/singleflight"
)

// Times for reading an object that is not in the cache. Their sum is well below the 5 s that the
// API server waits for an admission.
const (
	// gracePeriod is how long the lookup tries again if an object does not exist.
	gracePeriod = time.Second
	// firstWait is the wait before the second read. It doubles each time.
	firstWait = 50 * time.Millisecond
	// readTimeout bounds the whole lookup, even with a slow API server.
	readTimeout = 3 * time.Second
)

// Reader reads the metadata of one object from the API server. It returns the errors of
// k8s.io/apimachinery/pkg/api/errors.
type Reader func(ctx context.Context, namespace, name string) (*metav1.PartialObjectMetadata, error)

// NotFoundError is the error for an object that does not exist.
type NotFoundError struct{ Kind, Namespace, Name string }

func (e *NotFoundError) Error() string {
	if e.Namespace == "" {
		return fmt.Sprintf("%s %q does not exist", e.Kind, e.Name)
	}
	return fmt.Sprintf("%s %q does not exist in namespace %q", e.Kind, e.Name, e.Namespace)
}

// Lookup finds annotations in a cache or, if they are not there, on the API server.
type Lookup struct {
	kind   string
	cache  *Cache
	read   Reader
	flight singleflight.Group
}

// NewLookup returns a Lookup for objects of one kind. kind is the name in messages: "service
// account".
func NewLookup(kind string, cache *Cache, read Reader) *Lookup {
	return &Lookup{kind: kind, cache: cache, read: read}
}

// Annotations returns an object's annotations of Azure Workload Identity and of certificate sync,
// and LabelPodSecurity. The map can be nil and must not be changed. Namespace is empty for a kind
// without namespaces. The error is a *NotFoundError, or says that the API server did not respond.
func (l *Lookup) Annotations(ctx context.Context, namespace, name string) (map[string]string, error) {
	k := key{namespace, name}
	if found, ok := l.cache.get(k); ok {
		return found, nil
	}
	// The read does not end with the context of the first caller: others wait for it, too.
	answer := l.flight.DoChan(namespace+"/"+name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return l.await(ctx, k)
	})
	select {
	case a := <-answer:
		if a.Err != nil {
			return nil, a.Err
		}
		return a.Val.(map[string]string), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("reading %s %q: %w", l.kind, name, ctx.Err())
	}
}

// await reads an object until it exists or the grace period is over.
func (l *Lookup) await(ctx context.Context, k key) (map[string]string, error) {
	deadline := time.Now().Add(gracePeriod)
	for wait := firstWait; ; wait *= 2 {
		o, err := l.read(ctx, k.namespace, k.name)
		if err == nil {
			Strip(o)
			return o.Annotations, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("reading %s %q: %w", l.kind, k.name, err)
		}
		if time.Now().Add(wait).After(deadline) {
			return nil, &NotFoundError{l.kind, k.namespace, k.name}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, fmt.Errorf("reading %s %q: %w", l.kind, k.name, ctx.Err())
		}
	}
}
