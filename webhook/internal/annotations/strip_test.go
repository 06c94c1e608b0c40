package annotations

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// filled are the annotations of service accounts that fill the memory of a cache.
var filled = map[string]func(account int) map[string]string{
	"unknown identity key": func(i int) map[string]string {
		return map[string]string{contract.IdentityPrefix + "zz": text(i, 250_000)}
	},
	"unknown certsync keys": func(i int) map[string]string {
		m := map[string]string{}
		for j := range 300 {
			m[fmt.Sprintf("%sk%d-%d", contract.Prefix, i, j)] = text(i, 60)
		}
		return m
	},
	"known key": func(i int) map[string]string { return map[string]string{contract.AnnotationClientID: text(i, 250_000)} },
	"known keys": func(i int) map[string]string {
		m := map[string]string{}
		for _, key := range contract.AnnotationKeys() {
			m[contract.Prefix+key] = text(i, maxCached)
		}
		return m
	},
}

// text returns a new string of a length, which is its own for each i.
func text(i, length int) string { return fmt.Sprint(i, strings.Repeat("x", length)) }

// TestStripBoundsTheCache counts the live heap with 1,000 accounts of up to 250 KB each in a cache.
func TestStripBoundsTheCache(t *testing.T) {
	for name, generate := range filled {
		c := NewCache()
		before := liveHeap()
		list := make([]*metav1.PartialObjectMetadata, 1000)
		for i := range list {
			list[i] = &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
				Namespace: "ns", Name: fmt.Sprint(i), Annotations: generate(i),
			}}
			Strip(list[i])
		}
		c.Replace(list)
		if live := liveHeap() - before; live > 8<<20 {
			t.Errorf("%s: %d KiB of live heap with 1,000 accounts", name, live>>10)
		}
		runtime.KeepAlive(list)
		runtime.KeepAlive(c)
	}
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // also what is only weakly referenced
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestLargeAnnotationsAreReadLive checks that an account with long settings works as any other.
func TestLargeAnnotationsAreReadLive(t *testing.T) {
	reads := 0
	large := map[string]string{
		contract.AnnotationClientID:            "c",
		contract.Prefix + contract.KeySettings: strings.Repeat("s", 90<<10),
		contract.Prefix + contract.KeyPort:     "8000",
		contract.IdentityPrefix + "unread":     "x",
		contract.Prefix + "setings":            "misspelt",
	}
	object := func() *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "web", Annotations: maps.Clone(large), Labels: map[string]string{LabelPodSecurity: "baseline"},
		}}
	}
	c := NewCache()
	stripped := object()
	Strip(stripped)
	c.Replace([]*metav1.PartialObjectMetadata{stripped})
	l := NewLookup("service account", c, func(context.Context, string, string) (*metav1.PartialObjectMetadata, error) {
		reads++
		return object(), nil
	})
	l.absent.add(key{"ns", "web"}) // it did not exist a moment ago
	got, err := l.Annotations(t.Context(), "ns", "web")
	if err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(large)
	delete(want, contract.IdentityPrefix+"unread")
	want[contract.Prefix+"setings"], want[LabelPodSecurity] = unknownValue, "baseline"
	if diff := cmp.Diff(want, got); diff != "" || reads != 1 {
		t.Errorf("%d reads; %s", reads, diff)
	}
}

// TestStripKeepsTheUserRange checks that OpenShift's range is kept, and none of its other keys.
func TestStripKeepsTheUserRange(t *testing.T) {
	o := account("", "shop", "c")
	o.Annotations[AnnotationUserRange], o.Annotations["openshift.io/sa.scc.mcs"] = "1/10", "s0:c26,c15"
	Strip(o)
	want := found("c")
	want[AnnotationUserRange] = "1/10"
	if diff := cmp.Diff(want, o.Annotations); diff != "" {
		t.Error(diff)
	}
}

// TestStripKeepsMisspeltKeys checks that the pod's owner can be warned about some misspelt keys.
func TestStripKeepsMisspeltKeys(t *testing.T) {
	o := account("ns", "web", "c")
	o.Annotations[contract.Prefix+"blank"] = " "
	for i := range 9 {
		o.Annotations[fmt.Sprintf("%sunknown%d", contract.Prefix, i)] = "v"
	}
	Strip(o)
	want := found("c")
	for i := range maxUnknown {
		want[fmt.Sprintf("%sunknown%d", contract.Prefix, i)] = unknownValue
	}
	if diff := cmp.Diff(want, o.Annotations); diff != "" {
		t.Error(diff)
	}
}
