package kube

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// pageSize limits how many objects are decoded at once if the API server does not stream the
// initial list (before 1.34).
const pageSize = 500

// Source describes the objects to follow: all of one kind, a selection, or one.
type Source[T runtime.Object] struct {
	name    string
	example T
	lw      *cache.ListWatch
	strip   func(T)
}

// Sink receives what Follow sees, from one goroutine. The sink may keep the objects.
type Sink[T runtime.Object] interface {
	// Replace receives all existing objects: at the start, and whenever events may have been
	// missed.
	Replace([]T)
	Set(T)
	Delete(T)
}

// Secret returns a Source of one Secret.
func (c *Client) Secret(namespace, name string) Source[*corev1.Secret] {
	return Source[*corev1.Secret]{
		name: "secret", example: &corev1.Secret{},
		lw: named(c.core, "secrets", namespace, name),
	}
}

// WebhookConfiguration returns a Source of one MutatingWebhookConfiguration.
func (c *Client) WebhookConfiguration(name string) Source[*admissionregistrationv1.MutatingWebhookConfiguration] {
	return Source[*admissionregistrationv1.MutatingWebhookConfiguration]{
		name: "webhook configuration", example: &admissionregistrationv1.MutatingWebhookConfiguration{},
		lw: named(c.registration, WebhookConfigurations.Resource, "", name),
	}
}

// named selects one object by a field selector, which RBAC rules with resourceNames allow.
//
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
func named(c rest.Interface, resource, namespace, name string) *cache.ListWatch {
	return cache.NewListWatchFromClient(c, resource, namespace, fields.OneTermEqualSelector(metav1.ObjectNameField, name))
}

// MetadataSource returns a Source of the metadata of the objects of one kind that the options
// select, in all namespaces. It passes each object to strip as soon as the object is decoded. strip
// removes what the sink does not need, so that a long list is never in memory as a whole.
func (c *Client) MetadataSource(resource schema.GroupVersionResource, selector metav1.ListOptions, strip func(*metav1.PartialObjectMetadata)) Source[*metav1.PartialObjectMetadata] {
	r := c.meta.Resource(resource)
	apply := func(o *metav1.ListOptions) {
		o.FieldSelector, o.LabelSelector = selector.FieldSelector, selector.LabelSelector
	}
	return Source[*metav1.PartialObjectMetadata]{
		name: resource.Resource, example: &metav1.PartialObjectMetadata{}, strip: strip,
		lw: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				apply(&o)
				list, err := r.List(ctx, o)
				if err != nil {
					return nil, err
				}
				for i := range list.Items {
					strip(&list.Items[i])
				}
				return list, nil
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				apply(&o)
				return r.Watch(ctx, o)
			},
		},
	}
}

// NamedMetadata returns a Source of the metadata of one cluster-scoped object.
func (c *Client) NamedMetadata(resource schema.GroupVersionResource, name string) Source[*metav1.PartialObjectMetadata] {
	selector := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()}
	return c.MetadataSource(resource, selector, func(*metav1.PartialObjectMetadata) {})
}

// Follow lists and watches the source until ctx ends. After an error, which it logs, it starts
// again, with growing waits.
func Follow[T runtime.Object](ctx context.Context, s Source[T], sink Sink[T]) {
	r := cache.NewReflectorWithOptions(s.lw, s.example, &sinkStore[T]{sink, s.strip}, cache.ReflectorOptions{
		Name: "certsync-webhook", TypeDescription: s.name,
	})
	r.WatchListPageSize = pageSize
	r.RunWithContext(ctx)
}

// sinkStore adapts a Sink to the store of client-go's Reflector.
type sinkStore[T runtime.Object] struct {
	sink  Sink[T]
	strip func(T)
}

func (s *sinkStore[T]) Add(o any) error {
	object, err := s.object(o)
	if err == nil {
		s.sink.Set(object)
	}
	return err
}

func (s *sinkStore[T]) Update(o any) error { return s.Add(o) }

func (s *sinkStore[T]) Delete(o any) error {
	object, err := s.object(o)
	if err == nil {
		s.sink.Delete(object)
	}
	return err
}

func (s *sinkStore[T]) Replace(list []any, _ string) error {
	objects := make([]T, len(list))
	for i, o := range list {
		object, err := s.object(o)
		if err != nil {
			return err
		}
		objects[i] = object
	}
	s.sink.Replace(objects)
	return nil
}

// Resync is called only if a resync period is set.
func (*sinkStore[T]) Resync() error { return nil }

// Transformer strips objects when they arrive in a stream, before they are collected for Replace.
func (s *sinkStore[T]) Transformer() cache.TransformFunc {
	return func(o any) (any, error) { return s.object(o) }
}

func (s *sinkStore[T]) object(o any) (T, error) {
	object, ok := o.(T)
	if !ok {
		return object, fmt.Errorf("the API server sent %T instead of %T", o, object)
	}
	if s.strip != nil {
		s.strip(object)
	}
	return object, nil
}

// Single is a Sink for a source of one object. The function receives the object, or nil if the
// object does not exist.
type Single[T runtime.Object] func(T)

// Replace implements Sink.
func (f Single[T]) Replace(objects []T) {
	var object T
	if len(objects) > 0 {
		object = objects[0]
	}
	f(object)
}

// Set implements Sink.
func (f Single[T]) Set(object T) { f(object) }

// Delete implements Sink.
func (f Single[T]) Delete(T) {
	var none T
	f(none)
}
