package settings_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// hostile are generators of a pod's annotations, all together as long as an object may have.
var hostile = map[string]func(size int) map[string]string{
	"unknown keys": func(size int) map[string]string {
		m := map[string]string{}
		for i := range size / 45 {
			m[fmt.Sprintf("%scertificate%d", prefix, i)] = "1"
		}
		return m
	},
	"one long unknown key": func(size int) map[string]string { return map[string]string{prefix + strings.Repeat("k", size): "1"} },
	"short entries": func(size int) map[string]string {
		return map[string]string{prefix + contract.KeyCertificates: strings.Repeat("a ", size/2)}
	},
	"one long entry": func(size int) map[string]string {
		return map[string]string{prefix + contract.KeyCertificates: strings.Repeat("a", size)}
	},
	"deep settings": func(size int) map[string]string {
		return map[string]string{prefix + contract.KeySettings: strings.Repeat("[", size)}
	},
	"blank": func(size int) map[string]string {
		return map[string]string{prefix + contract.KeySettings: strings.Repeat(" ", size)}
	},
	"skipped containers": func(size int) map[string]string {
		return map[string]string{contract.AnnotationSkipContainers: strings.Repeat("a;", size/2)}
	},
}

// What a tenant may write on a pod costs memory in proportion to its length, and not much.
func TestHostileAnnotations(t *testing.T) {
	for name, generate := range hostile {
		small, large := cost(generate(64<<10)), cost(generate(256<<10))
		if large > 24<<20 || large > 6*small+(256<<10) {
			t.Errorf("%s: %d KiB allocated for 64 KiB of annotations, %d KiB for 256 KiB", name, small>>10, large>>10)
		}
	}
}

// cost returns how many bytes it takes to resolve a pod's annotations.
func cost(pod map[string]string) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := settings.ResolveIdentity(settings.IdentityInput{Pod: pod, Namespace: "shop", ServiceAccountName: "web"}); err != nil {
		_ = err.Error()
	}
	if _, err := settings.Resolve(settings.Sources{Pod: pod}, settings.Options{}); err != nil {
		_ = err.Error()
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// The warnings about unknown annotations name some and count the others.
func TestManyUnknownAnnotations(t *testing.T) {
	r, err := settings.Resolve(settings.Sources{Pod: hostile["unknown keys"](64 << 10)}, settings.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if last := r.Warnings[len(r.Warnings)-1]; len(r.Warnings) != 11 || !strings.HasPrefix(last, "1446 more annotations") {
		t.Errorf("got %d warnings, the last one %q", len(r.Warnings), last)
	}
}

// Too many certificates are refused in one sentence.
func TestManyCertificates(t *testing.T) {
	_, err := settings.Resolve(settings.Sources{Pod: hostile["short entries"](8 << 10)}, settings.Options{})
	if err == nil || !strings.Contains(err.Error(), "has 4096 entries: at most 2500 are allowed") {
		t.Errorf("got %v", err)
	}
}
