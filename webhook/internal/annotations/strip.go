package annotations

import (
	"slices"
	"strings"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// maxCached bounds the keys and values of one object that are cached, in bytes. Whoever may
	// edit a service account can give it 256 KiB of annotations.
	maxCached = 4 << 10
	// tooLarge is the only key of an object that has more. Lookup reads such an object each time.
	tooLarge = "too-large"
	// maxUnknown is the number of unknown keys that are kept, so that the pod's owner gets a
	// warning about a misspelt key. Their values have no effect: unknownValue replaces them.
	maxUnknown   = 5
	unknownValue = "?"
)

// known are the annotations of a service account or namespace that package settings reads.
var known = func() map[string]bool {
	m := map[string]bool{
		contract.AnnotationClientID: true, contract.AnnotationTenantID: true, contract.AnnotationTokenExpiration: true,
		AnnotationUserRange: true,
	}
	for _, key := range contract.AnnotationKeys() {
		m[contract.Prefix+key] = true
	}
	return m
}()

// Strip drops all of an object but its name and what Cache keeps: the annotations that are read, if
// they are not too large, and LabelPodSecurity.
func Strip(o *metav1.PartialObjectMetadata) {
	kept := read(o)
	size := 0
	for k, v := range kept {
		size += len(k) + len(v)
	}
	if size > maxCached {
		kept = map[string]string{tooLarge: ""}
	}
	o.ObjectMeta = metav1.ObjectMeta{
		Namespace: unique.Make(o.Namespace).Value(), Name: o.Name, Annotations: kept,
	}
}

// read returns the annotations of an object that are read, and LabelPodSecurity.
func read(o *metav1.PartialObjectMetadata) map[string]string {
	var kept map[string]string
	keep := func(k, v string) {
		if kept == nil {
			kept = map[string]string{}
		}
		kept[unique.Make(k).Value()] = v
	}
	var unknown []string
	for k, v := range o.Annotations {
		if known[k] {
			keep(k, v)
		} else if strings.HasPrefix(k, contract.Prefix) && strings.TrimSpace(v) != "" {
			unknown = append(unknown, k)
		}
	}
	slices.Sort(unknown)
	for _, k := range unknown[:min(len(unknown), maxUnknown)] {
		keep(k, unknownValue)
	}
	if level, ok := o.Labels[LabelPodSecurity]; ok {
		keep(LabelPodSecurity, level)
	}
	return kept
}
