package annotations

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/singleflight"
)

// Limits for reading an object that is not in the cache. The total stays well below the 5 s that
// the API server allows for an admission.
const (
	// gracePeriod is how long the read of an object that does not exist is retried.
	gracePeriod = time.Second
	// firstWait is the wait before the first retry. It doubles with each retry.
	firstWait = 50 * time.Millisecond
	// readTimeout limits all reads of one object together, even if the API server is slow.
	readTimeout = 3 * time.Second
)

// Reader reads the metadata of one object from the API server. Its errors are those of package
// k8s.io/apimachinery/pkg/api/errors.
type Reader func(ctx context.Context, namespace, name string) (*metav1.PartialObjectMetadata, error)

// NotFoundError reports that an object does not exist.
type NotFoundError struct{ Kind, Namespace, Name string }

func (e *NotFoundError) Error() string {
	if e.Namespace == "" {
		return fmt.Sprintf("%s %q does not exist", e.Kind, e.Name)
	}
	return fmt.Sprintf("%s %q does not exist in namespace %q", e.Kind, e.Name, e.Namespace)
}

// Lookup finds annotations in the cache, or else reads them from the API server.
type Lookup struct {
	kind   string
	cache  *Cache
	read   Reader
	flight singleflight.Group
}

// NewLookup returns a Lookup for objects of one kind. Messages contain the kind, for example
// "service account".
func NewLookup(kind string, cache *Cache, read Reader) *Lookup {
	return &Lookup{kind: kind, cache: cache, read: read}
}

// Annotations returns the object's annotations that Cache keeps, and LabelPodSecurity. The caller
// must not modify the map, which is nil if the object has neither. The namespace is empty for
// cluster-scoped objects. The error is a *NotFoundError, or reports why the API server could not be
// read.
func (l *Lookup) Annotations(ctx context.Context, namespace, name string) (map[string]string, error) {
	k := key{namespace, name}
	if found, ok := l.cache.get(k); ok {
		return found, nil
	}
	// The read does not end with the context of the first caller: others wait for it, too.
	response := l.flight.DoChan(namespace+"/"+name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return l.readWithRetry(ctx, k)
	})
	select {
	case r := <-response:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(map[string]string), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("reading %s %q: %w", l.kind, name, ctx.Err())
	}
}

// readWithRetry reads an object until it exists or the grace period is over.
func (l *Lookup) readWithRetry(ctx context.Context, k key) (map[string]string, error) {
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
