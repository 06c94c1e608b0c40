package annotations

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/singleflight"
)

// Limits for reading an object that is not in the cache. The total stays well below the 5 s that
// the API server allows for an admission.
const (
	// gracePeriod is the time after which an object that does not exist is read a second and last
	// time.
	gracePeriod = time.Second
	// cacheInterval is how often the cache is looked at in this time. Objects that are created
	// arrive there, so further reads are not needed for them.
	cacheInterval = 50 * time.Millisecond
	// readTimeout bounds the whole lookup, even with a slow API server.
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
	absent absent
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
	if l.absent.has(k) && !l.cache.has(k) {
		return nil, l.notFound(k)
	}
	// The object is new, or too large for the cache. The read does not end with the context of the
	// first caller: others wait for it, too.
	response := l.flight.DoChan(namespace+"/"+name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return l.await(ctx, k)
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

// await reads an object until it exists or the grace period is over. It reads twice at most,
// because whoever may create pods can name any number of objects that do not exist.
func (l *Lookup) await(ctx context.Context, k key) (map[string]string, error) {
	found, err := l.readOnce(ctx, k)
	if !apierrors.IsNotFound(err) {
		return found, err
	}
	if found, ok := l.awaitCache(ctx, k); ok {
		return found, nil
	}
	found, err = l.readOnce(ctx, k)
	// If there are too many reads, or no time is left, the first read and the cache decide.
	if apierrors.IsNotFound(err) || errors.Is(err, ErrBusy) || ctx.Err() != nil {
		l.absent.add(k)
		return nil, l.notFound(k)
	}
	return found, err
}

// awaitCache waits until the cache has an object, or the grace period or the context is over.
func (l *Lookup) awaitCache(ctx context.Context, k key) (map[string]string, bool) {
	for range gracePeriod / cacheInterval {
		select {
		case <-time.After(cacheInterval):
		case <-ctx.Done():
			return nil, false
		}
		if found, ok := l.cache.get(k); ok {
			return found, true
		}
	}
	return nil, false
}

func (l *Lookup) readOnce(ctx context.Context, k key) (map[string]string, error) {
	o, err := l.read(ctx, k.namespace, k.name)
	if err != nil {
		return nil, fmt.Errorf("reading %s %q: %w", l.kind, k.name, err)
	}
	return read(o), nil
}

func (l *Lookup) notFound(k key) error { return &NotFoundError{l.kind, k.namespace, k.name} }
