package annotations

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Cache holds the annotations of all objects of one kind. It is a kube.Sink: kube.Follow fills it.
type Cache struct {
	mu      sync.RWMutex
	objects map[key][]annotation
	synced  chan struct{}
	once    sync.Once
}

// key identifies an object. The namespace is empty for cluster-scoped objects.
type key struct{ namespace, name string }

// annotation is one annotation. Slices of it use less memory than maps, and most objects have no
// annotations to keep.
type annotation struct{ key, value string }

// NewCache returns an empty cache.
func NewCache() *Cache {
	return &Cache{objects: map[key][]annotation{}, synced: make(chan struct{})}
}

// Synced returns a channel that is closed when the first list is in the cache.
func (c *Cache) Synced() <-chan struct{} { return c.synced }

// Len returns the number of objects.
func (c *Cache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.objects)
}

// LabelPodSecurity is the label with the Pod Security level that a namespace enforces. It is the
// only label that the cache keeps; Lookup returns it among the annotations.
//
// Source:
// https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces
const LabelPodSecurity = "pod-security.kubernetes.io/enforce"

// AnnotationUserRange is the annotation with the user IDs that OpenShift assigns to the containers
// of a namespace.
//
// Source:
// https://docs.openshift.com/container-platform/latest/authentication/managing-security-context-constraints.html
const AnnotationUserRange = "openshift.io/sa.scc.uid-range"

// Replace implements kube.Sink.
func (c *Cache) Replace(list []*metav1.PartialObjectMetadata) {
	objects := make(map[key][]annotation, len(list))
	for _, o := range list {
		objects[keyOf(o)] = keptAnnotations(o)
	}
	c.mu.Lock()
	c.objects = objects
	c.mu.Unlock()
	c.once.Do(func() { close(c.synced) })
}

// Set implements kube.Sink.
func (c *Cache) Set(o *metav1.PartialObjectMetadata) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.objects[keyOf(o)] = keptAnnotations(o)
}

// Delete implements kube.Sink.
func (c *Cache) Delete(o *metav1.PartialObjectMetadata) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.objects, keyOf(o))
}

// get returns the annotations of an object that is in the cache, unless they are too large for it.
// The map is the caller's.
func (c *Cache) get(k key) (map[string]string, bool) {
	c.mu.RLock()
	list, ok := c.objects[k]
	c.mu.RUnlock()
	if len(list) == 0 {
		return nil, ok
	}
	if list[0].key == tooLarge {
		return nil, false
	}
	m := make(map[string]string, len(list))
	for _, a := range list {
		m[a.key] = a.value
	}
	return m, true
}

// has reports whether an object is known to exist.
func (c *Cache) has(k key) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.objects[k]
	return ok
}

func keyOf(o *metav1.PartialObjectMetadata) key { return key{o.Namespace, o.Name} }

// keptAnnotations returns the annotations of an object that Strip has processed.
func keptAnnotations(o *metav1.PartialObjectMetadata) []annotation {
	if len(o.Annotations) == 0 {
		return nil
	}
	list := make([]annotation, 0, len(o.Annotations))
	for k, v := range o.Annotations {
		list = append(list, annotation{k, v})
	}
	return list
}
