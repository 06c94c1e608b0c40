package install

import (
	"os"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// serverFlags do not influence what a pod gets.
var serverFlags = []string{
	"client-ca-file", "drain", "health-address", "kubeconfig", "log-level", "metrics-address", "namespace", "port", "service-name",
	"tls-ca-file", "tls-cert-dir", "tls-secret", "version", "webhook-configuration",
}

// Every flag of the webhook is either read here or known not to matter: a new flag needs a
// decision.
func TestEveryFlagIsKnown(t *testing.T) {
	source, err := os.ReadFile("../../../flags.go")
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Concat(used, files, serverFlags)
	found := 0
	for line := range strings.Lines(string(source)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "f.") || !strings.Contains(line, "Var(&") {
			continue
		}
		_, rest, _ := strings.Cut(line, `, "`)
		name, _, _ := strings.Cut(rest, `"`)
		found++
		if !slices.Contains(known, name) {
			t.Errorf("the plugin does not know the webhook's flag --%s: add it to the flags that it reads, or to those that do not matter", name)
		}
	}
	if found < 20 {
		t.Errorf("found only %d flags in flags.go", found)
	}
}

func TestOptionsOfTheChart(t *testing.T) {
	manifests, err := os.ReadFile("../../../../deploy/azure-cert-sync.yaml")
	if err != nil {
		t.Fatal(err)
	}
	in := &Installation{}
	for document := range strings.SplitSeq(string(manifests), "\n---\n") {
		if strings.Contains(document, "\nkind: Deployment\n") {
			in.Deployment = &appsv1.Deployment{}
			if err := yaml.Unmarshal([]byte(document), in.Deployment); err != nil {
				t.Fatal(err)
			}
		}
	}
	f := in.Flags()
	o := f.Options(false, 1, 36, "unused")
	switch {
	case o.Image != f.SidecarImage() || !strings.Contains(o.Image, "/sidecar:"):
		t.Errorf("image %q", o.Image)
	case !o.InjectIdentity || o.Native != inject.NativeDefault:
		t.Errorf("identity %v, native %v", o.InjectIdentity, o.Native)
	case !slices.Contains(o.AllowedVaults, "vault.azure.cn") || !slices.Contains(o.StartAfter, "istio-proxy"):
		t.Errorf("vaults %q, start after %q", o.AllowedVaults, o.StartAfter)
	case o.AuthorityHost != "https://login.microsoftonline.com/":
		t.Errorf("authority host %q", o.AuthorityHost)
	}
	if f.Options(true, 1, 28, "").InjectIdentity {
		t.Error("beside the Azure Workload Identity webhook, the identity is injected")
	}
}
