package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/azure-cert-sync/azure-cert-sync/"

// imports are the packages that must not get into another one, however indirectly, with the reason.
var imports = []struct{ of, forbidden, why string }{
	{"sidecar", "k8s.io/", "the sidecar runs in every pod: Kubernetes' packages would double its size"},
	{"sidecar", "sigs.k8s.io/", "the sidecar runs in every pod: Kubernetes' packages would double its size"},
	{"sidecar", "google.golang.org/protobuf", "2 MB of program, and of memory in every pod"},
	{"sidecar", "github.com/prometheus/", "it brings protocol buffers: see health/exposition.go"},
	{"sidecar", "github.com/fluent/", "its client writes to standard error and gives up in ways of its own: see package forward"},
	{"sidecar", module + "webhook", "the sidecar knows nothing of the webhook"},
	{"sidecar", module + "e2e", "what tests need stays out of the program"},
	{"sidecar/contract", module + "sidecar/internal", "the webhook imports contract: it must stay small"},
	{"webhook", module + "sidecar/internal", "what both sides need belongs into contract"},
	{"webhook", module + "e2e", "what tests need stays out of the program"},
	{"webhook/internal/settings", "k8s.io/", "settings takes maps: it knows no Kubernetes types"},
	{"webhook/internal/settings", "net/http", "settings is pure: it does no I/O"},
	{"sidecar/internal/certsync", module + "sidecar/internal/keyvault", "the loop knows behaviours of errors, not a client"},
	{"sidecar/internal/certsync", module + "sidecar/internal/credential", "the loop knows behaviours of errors, not a client"},
	{"sidecar/internal/certsync", module + "sidecar/internal/store", "the loop declares what it needs of a store"},
	{"sidecar/internal/certsync", module + "sidecar/internal/bundle", "what a certificate consists of is not the loop's concern"},
	{"sidecar/internal/certsync", module + "sidecar/internal/health", "health watches the loop, not the other way round"},
	{"sidecar/internal/certsync", "net/http", "the loop does no I/O of its own"},
	{"sidecar/internal/bundle", "net/http", "bundle is pure: it does no I/O"},
	{"sidecar/internal/store", "net/http", "a store is files, nothing else"},
	{"sidecar/internal/imds", module + "sidecar/internal/keyvault", "the metadata endpoint gives tokens, whatever for"},
	{"sidecar/internal/imds", module + "sidecar/internal/certsync", "the metadata endpoint works without certificates"},
	{"sidecar/internal/health", module + "sidecar/internal/keyvault", "health shows what the loop reports"},
}

func TestImports(t *testing.T) {
	known := map[string][]string{}
	for _, rule := range imports {
		if known[rule.of] == nil {
			known[rule.of] = dependencies(t, module+rule.of)
		}
		for _, dep := range known[rule.of] {
			if matches(dep, rule.forbidden) {
				t.Errorf("%s depends on %s: %s", rule.of, dep, rule.why)
			}
		}
	}
}

// matches compares with a package, all of its packages, or a prefix that ends in a slash.
func matches(dep, forbidden string) bool {
	return dep == forbidden || strings.HasPrefix(dep, strings.TrimSuffix(forbidden, "/")+"/")
}

func dependencies(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkg).Output()
	check(t, err)
	list := strings.Fields(string(out))
	if !slices.Contains(list, pkg) {
		t.Fatalf("go list does not list %s itself: %q", pkg, list)
	}
	return list
}
