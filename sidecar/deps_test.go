package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/azure-cert-sync/azure-cert-sync/"

// imports are the packages that another one must not depend on, directly or indirectly, with the
// reason.
var imports = []struct{ of, forbidden, why string }{
	{"sidecar", "k8s.io/", "the sidecar runs in every pod: Kubernetes' packages would double its size"},
	{"sidecar", "sigs.k8s.io/", "the sidecar runs in every pod: Kubernetes' packages would double its size"},
	{"sidecar", "google.golang.org/protobuf", "2 MB of program, and of memory in every pod"},
	{"sidecar", "github.com/prometheus/", "it brings protocol buffers: see health/exposition.go"},
	{"sidecar", "github.com/fluent/", "its client writes to standard error and decides itself when to give up: see package forward"},
	{"sidecar", module + "webhook", "the sidecar does not depend on the webhook"},
	{"sidecar", module + "e2e", "test code stays out of the program"},
	{"sidecar/contract", module + "sidecar/internal", "the webhook imports contract: it must stay small"},
	{"webhook", module + "sidecar/internal", "what both sides need belongs in contract"},
	{"webhook", module + "e2e", "test code stays out of the program"},
	{"webhook", module + "webhook/kubectl-certsync", "the plugin uses the webhook's packages, not the reverse"},
	{"webhook", "k8s.io/cli-runtime", "only the plugin needs it"},
	{"webhook", "github.com/spf13/cobra", "only the plugin needs it"},
	{"webhook/internal/settings", "k8s.io/", "settings takes maps, not Kubernetes types"},
	{"webhook/internal/settings", "net/http", "settings is pure: it does no I/O"},
	{"sidecar/internal/certsync", module + "sidecar/internal/keyvault", "the loop reacts to the behaviour of errors, not to the types of a client"},
	{"sidecar/internal/certsync", module + "sidecar/internal/credential", "the loop reacts to the behaviour of errors, not to the types of a client"},
	{"sidecar/internal/certsync", module + "sidecar/internal/store", "the loop declares the interface that it needs"},
	{"sidecar/internal/certsync", module + "sidecar/internal/bundle", "the loop passes content on without reading it"},
	{"sidecar/internal/certsync", module + "sidecar/internal/certfiles", "certfiles implements the loop's interfaces, not the reverse"},
	{"sidecar/internal/certsync", module + "sidecar/internal/config", "main passes the loop its part of the configuration"},
	{"sidecar/internal/certsync", module + "sidecar/internal/health", "health observes the loop, not the reverse"},
	{"sidecar/internal/certsync", "net/http", "the loop does no I/O itself"},
	{"sidecar/internal/certfiles", module + "sidecar/internal/config", "main passes certfiles its part of the configuration"},
	{"sidecar/internal/certfiles", module + "sidecar/internal/health", "certfiles returns errors and warnings: the loop reports them"},
	{"sidecar/internal/certfiles", module + "sidecar/internal/reload", "announcing renewals starts from the loop's reports"},
	{"sidecar/internal/config", module + "sidecar/internal/keyvault", "--check validates settings offline"},
	{"sidecar/internal/config", module + "sidecar/internal/store", "config names the stores but never opens them"},
	{"sidecar/internal/config", module + "sidecar/internal/certfiles", "config never fetches or writes certificates"},
	{"sidecar/internal/config", module + "sidecar/internal/certsync", "config reports to a Target: it does not know the loop"},
	{"sidecar/internal/config", module + "sidecar/internal/health", "config reports to a Target: it does not know the status"},
	{"sidecar/internal/config", "net/http", "--check validates settings offline"},
	{"sidecar/internal/atomicfile", module + "sidecar", "a helper that everyone may import depends on nothing here"},
	{"sidecar/internal/backoff", module + "sidecar", "a helper that everyone may import depends on nothing here"},
	{"sidecar/internal/smallfile", module + "sidecar", "a helper that everyone may import depends on nothing here"},
	{"sidecar/internal/bundle", "net/http", "bundle is pure: it does no I/O"},
	{"sidecar/internal/store", "net/http", "a store is only files"},
	{"sidecar/internal/imds", module + "sidecar/internal/keyvault", "the metadata endpoint issues tokens for any service"},
	{"sidecar/internal/imds", module + "sidecar/internal/certsync", "the metadata endpoint works without certificates"},
	{"sidecar/internal/health", module + "sidecar/internal/keyvault", "health shows only what the loop reports"},
}

func TestImports(t *testing.T) {
	known := map[string][]string{}
	for _, rule := range imports {
		if known[rule.of] == nil {
			known[rule.of] = dependencies(t, module+rule.of)
		}
		for _, dep := range known[rule.of] {
			if dep != module+rule.of && matches(dep, rule.forbidden) {
				t.Errorf("%s depends on %s: %s", rule.of, dep, rule.why)
			}
		}
	}
}

// matches reports whether a dependency is a forbidden package or a package below it. A trailing
// slash in forbidden makes no difference.
func matches(dep, forbidden string) bool {
	return dep == forbidden || strings.HasPrefix(dep, strings.TrimSuffix(forbidden, "/")+"/")
}

func dependencies(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkg).Output()
	check(t, err)
	list := strings.Fields(string(out))
	if !slices.Contains(list, pkg) {
		t.Fatalf("go list does not list %s itself, only %q", pkg, list)
	}
	return list
}
