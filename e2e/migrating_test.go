package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// The migration pages work as they are written: the manifests before the migration are applied, the
// page's commands run in order in one shell, print what the page shows, and end with a pod that has
// its certificates. Only the client ID and the vault's name are replaced. The peers do not run, but
// their objects exist. A command that cannot run has its reason in the page's source.
func TestMigrations(t *testing.T) {
	t.Parallel()
	if testEnv.Cluster.External() {
		return // the pages' image needs a node on this machine
	}
	pages, err := filepath.Glob("../docs/migrating/*.md")
	if err != nil || len(pages) < 5 {
		t.Fatalf("found the pages %q: %v", pages, err)
	}
	ctx := testContext(t)
	for _, args := range [][]string{
		{"apply", "--filename", "testdata/migrating/crds.yaml"},
		{"wait", "--for=condition=Established", "--filename", "testdata/migrating/crds.yaml"},
	} {
		if _, err := testEnv.Cluster.Kubectl(ctx, args...); err != nil {
			t.Fatal(err)
		}
	}
	loadServer(ctx, t, "nginx")
	if err := testEnv.Cluster.TagImage(ctx, "nginx", nginxImage); err != nil {
		t.Fatal(err)
	}
	plugin := newKubectlPlugin(t)
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			migrate(t, plugin, name, readPage(t, page))
		})
	}
}

// maxVaultName is the greatest length of a vault's name.
const maxVaultName = 24

// migrate runs one page in a separate namespace, which is that of the page's context.
func migrate(t *testing.T, plugin kubectlPlugin, name, page string) {
	t.Helper()
	ctx := testContext(t)
	namespace := newNamespace(t, "migrate-"+name, "baseline", nil)
	vault := strings.TrimRight(("shop-" + name)[:min(len("shop-"+name), maxVaultName)], "-")
	host := vault + ".vault.azure.net"
	redirectNames(t, namespace, host)
	id, err := testEnv.NewIdentity(ctx, namespace, "shop")
	if err != nil {
		t.Fatal(err)
	}
	err = testEnv.Azure.Apply(ctx, azure.Config{
		Vaults: []azure.Vault{{Host: host, Tenant: framework.TenantID}}, Grants: []azure.Grant{{Vault: host, ClientID: id}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := testEnv.Azure.CreateCertificate(ctx, azure.Certificate{Vault: host, Name: "shop-tls", DNSNames: []string{"shop.example.com"}}); err != nil {
		t.Fatal(err)
	}

	page = strings.NewReplacer(exampleClientID, id, exampleVault, vault, exampleTenantID, framework.TenantID).Replace(page)
	script, blocks := migrationScript(t, page)
	dir := t.TempDir()
	kubeconfig, err := os.ReadFile(testEnv.Cluster.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kubeconfig"), kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := testEnv.Cluster.Command(ctx, "bash", "-c", "set -euo pipefail\nkubectl config set-context --current --namespace "+namespace+"\n"+script)
	cmd.Dir, cmd.Env = dir, append(prefixPath(cmd.Env, plugin.dir), "KUBECONFIG="+filepath.Join(dir, "kubeconfig"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("the page's commands failed: %v\nstandard output:\n%s\nstandard error:\n%s", err, &stdout, &stderr)
	}
	compareOutput(t, blocks, stdout.String())
}

// exampleTenantID is the tenant in the documentation.
const exampleTenantID = "11111111-2222-3333-4444-555555555555"

// pagePart is a block of a migration page, with the comment before it.
var pagePart = regexp.MustCompile("(?ms)^(?:<!-- (file|not run): ([^\n]*) -->\n)?```([a-z]+)\n(.*?)^```$")

// migrationScript returns a script that writes the files of a page and runs its commands, and the
// commands with the output that the page shows. The log has the commands that are not run, with the
// reason.
func migrationScript(t *testing.T, page string) (string, []block) {
	t.Helper()
	var script strings.Builder
	var blocks []block
	for _, m := range pagePart.FindAllStringSubmatch(page, -1) {
		comment, value, language, content := m[1], m[2], m[3], m[4]
		switch {
		case comment == "file":
			fmt.Fprintf(&script, "cat >%s <<'END OF FILE'\n%sEND OF FILE\n", value, content)
		case comment == "not run":
			t.Logf("not run, because %s:\n%s", value, content)
		case language == "sh":
			fmt.Fprintf(&script, "echo '%s'\n%s\n", marker(len(blocks)), content)
			blocks = append(blocks, block{commands: content})
		case language == "text" && len(blocks) > 0:
			blocks[len(blocks)-1].output = content
		default:
			t.Errorf("the page has a block of %s without a comment that names its file:\n%s", language, content)
		}
	}
	if len(blocks) == 0 {
		t.Error("the page has no commands")
	}
	return script.String(), blocks
}
