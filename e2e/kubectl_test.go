package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// kubectlPlugin is the built plugin. Commands run as "kubectl certsync", as users run them.
type kubectlPlugin struct{ dir string }

func newKubectlPlugin(t *testing.T) kubectlPlugin {
	t.Helper()
	p := kubectlPlugin{dir: t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(p.dir, "kubectl-certsync"), "../webhook/kubectl-certsync")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return p
}

// run runs a command, expects an exit code, and returns both outputs. The log has them as a person
// sees them.
func (p kubectlPlugin) run(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := testEnv.Cluster.Command(testContext(t), "kubectl", append([]string{"certsync"}, args...)...)
	for _, variable := range slices.Clone(cmd.Env) {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			cmd.Env = append(cmd.Env, "PATH="+p.dir+":"+path)
		}
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &out, &errOut
	err := cmd.Run()
	t.Logf("$ kubectl certsync %s\n%s%s", strings.Join(args, " "), out.String(), errOut.String())
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	if code != want {
		t.Errorf("kubectl certsync %q ends with exit code %d, want %d", args, code, want)
	}
	return out.String(), errOut.String()
}

// The plugin shows a pod's certificates, finds the broken link, and its report has no secret.
func TestKubectlPlugin(t *testing.T) {
	t.Parallel()
	plugin, app := newKubectlPlugin(t), newApp(t, "plugin")
	version := createCertificate(t, azure.Certificate{Name: app.Name, Chain: 3, DNSNames: []string{"plugin.example.com"}})
	deploy(t, app)
	pod := awaitPod(t, app, framework.Ready)
	inNamespace := func(args ...string) []string { return append(args, "--namespace", app.Namespace) }

	t.Run("status", func(t *testing.T) {
		out, _ := plugin.run(t, 0, inNamespace("status", pod.Name)...)
		wantAll(t, "status", out, []string{"POD", pod.Name, "example-vault.plugin", version.Version, "success"})
		out, _ = plugin.run(t, 0, "status", "-A", "-o", "wide")
		wantAll(t, "status -A", out, []string{"NAMESPACE", app.Namespace, pod.Spec.NodeName, secretURL(app.Name)})
		out, _ = plugin.run(t, 0, inNamespace("status", "-o", "json")...)
		wantAll(t, "status -o json", out, []string{`"version": "` + version.Version + `"`, `"sidecarVersion"`})
	})
	t.Run("doctor", func(t *testing.T) {
		out, _ := plugin.run(t, 0, inNamespace("doctor", pod.Name)...)
		wantAll(t, "doctor", out, []string{"No link is broken.", app.ClientID})
	})
	t.Run("explain", func(t *testing.T) {
		out, _ := plugin.run(t, 0, inNamespace("explain", pod.Name)...)
		wantAll(t, "explain", out, []string{"Deployment " + framework.SystemNamespace, secretURL(app.Name), "Result: no change"})
	})
	t.Run("sync", func(t *testing.T) {
		out, _ := plugin.run(t, 0, inNamespace("sync", pod.Name)...)
		wantAll(t, "sync", out, []string{"1 certificate in the store"})
	})
	t.Run("inspect", func(t *testing.T) {
		out, _ := plugin.run(t, 0, inNamespace("inspect", pod.Name, app.Name)...)
		wantAll(t, "inspect", out, []string{version.Serial, "plugin.example.com", "SHA-256", "  3  subject"})
		if strings.Contains(out, "PRIVATE KEY") {
			t.Error("the output contains a private key")
		}
		_, text := plugin.run(t, 1, inNamespace("inspect", pod.Name, "other")...)
		wantAll(t, "inspect of another certificate", text, []string{`does not have the certificate "other"`, "example-vault.plugin"})
	})
	t.Run("check", func(t *testing.T) { checkInstalled(t, plugin) })
	t.Run("bug-report", func(t *testing.T) { checkReport(t, plugin, app, pod) })
	t.Run("rights", func(t *testing.T) { checkRights(t, plugin, app, pod) })
}

// checkInstalled checks the results that need running replicas. The exit code is 1: the node's
// issuer is internal.
func checkInstalled(t *testing.T, plugin kubectlPlugin) {
	out, _ := plugin.run(t, 1, "check", "-o", "json")
	var report struct {
		Checks []struct {
			ID, Severity string
			Messages     []string
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	severity := map[string]string{}
	for _, c := range report.Checks {
		severity[c.ID] = c.Severity
	}
	for id, want := range map[string]string{"CS001": "ok", "CS003": "error", "CS004": "ok", "CS005": "ok", "CS006": "ok", "CS007": "ok", "CS009": "ok"} {
		if severity[id] != want {
			t.Errorf("%s is %q, want %q", id, severity[id], want)
		}
	}
	plugin.run(t, 1, "check", "--pre")
	out, _ = plugin.run(t, 0, "version", "-A")
	wantAll(t, "version", out, []string{"kubernetes:", "webhook:", "sidecar:", " replicas", " pod"})
	if strings.Contains(out, "unknown") && !strings.Contains(out, "the sidecar") {
		t.Errorf("version does not know the version of a replica:\n%s", out)
	}
}

func checkReport(t *testing.T, plugin kubectlPlugin, app framework.App, pod *corev1.Pod) {
	plugin.run(t, 0, "bug-report", "--namespace", app.Namespace, "--file", "report.tar.gz")
	if out, err := exec.CommandContext(t.Context(), "tar", "-xzf", filepath.Join(plugin.dir, "report.tar.gz"), "-C", plugin.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	root := filepath.Join(plugin.dir, "certsync-report")
	for _, file := range []string{"versions.json", "checks.json", "webhook/deployment.yaml", "pods/" + app.Namespace + "/" + pod.Name + "/log.txt"} {
		if info, err := os.Stat(filepath.Join(root, file)); err != nil || info.Size() == 0 {
			t.Errorf("%s is missing or empty: %v", file, err)
		}
	}
	secret := exec.CommandContext(t.Context(), "grep", "-rE", `PRIVATE KEY|eyJ[A-Za-z0-9_-]{20}`, root)
	if out, err := secret.CombinedOutput(); err == nil {
		t.Errorf("the report contains secrets: %s", out)
	}
}

// checkRights runs the plugin as users with few permissions.
func checkRights(t *testing.T, plugin kubectlPlugin, app framework.App, pod *corev1.Pod) {
	_, text := plugin.run(t, 3, "status", "-A", "--as", "nobody")
	wantAll(t, "status without permissions", text, []string{"you are not allowed to list pods in the whole cluster"})
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "viewer"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "viewer"}},
		RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", APIGroup: rbacv1.GroupName, Name: "view"},
	}
	if _, err := testEnv.Client.RbacV1().RoleBindings(app.Namespace).Create(testContext(t), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	out, text := plugin.run(t, 3, "status", "--namespace", app.Namespace, "--as", "viewer")
	wantAll(t, "status of a viewer", out+text, []string{pod.Name, "unknown", "you are not allowed to run commands in pods", "pods/exec"})
	out, _ = plugin.run(t, 3, "doctor", pod.Name, "--namespace", app.Namespace, "--as", "viewer")
	wantAll(t, "doctor of a viewer", out, []string{"No broken link was found, but some could not be checked."})
}

// doctor names the command that mends the link that is broken in Azure.
func TestKubectlDoctor(t *testing.T) {
	t.Parallel()
	plugin := newKubectlPlugin(t)
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, app framework.App)
		want  func(app framework.App) []string
	}{
		{
			"doctor-role",
			func(t *testing.T, app framework.App) {
				createCertificate(t, azure.Certificate{Name: app.Name})
				if err := testEnv.Azure.Revoke(testContext(t), azure.Grant{Vault: framework.Vault, ClientID: app.ClientID}); err != nil {
					t.Fatal(err)
				}
			},
			func(app framework.App) []string {
				return []string{"broken   vault", `az role assignment create --role "Key Vault Secrets User" --assignee ` + app.ClientID, "--name example-vault"}
			},
		},
		{
			"doctor-credential",
			func(t *testing.T, app framework.App) {
				createCertificate(t, azure.Certificate{Name: app.Name})
				apply(t, azure.Config{Applications: []azure.Application{{ClientID: app.ClientID, Tenant: framework.TenantID}}})
			},
			func(app framework.App) []string {
				return []string{
					"broken   Entra ID", "az identity federated-credential create", `--issuer "https://kubernetes.default.svc.cluster.local"`,
					"--subject system:serviceaccount:" + app.Namespace + ":" + app.Name, "--audiences api://AzureADTokenExchange",
				}
			},
		},
		{
			"doctor-missing", func(*testing.T, framework.App) {},
			func(app framework.App) []string {
				return []string{"broken   vault", "az keyvault certificate create --vault-name example-vault --name " + app.Name}
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, test.name)
			test.spoil(t, app)
			deploy(t, app)
			// The sidecar runs from the first attempt on; its startup probe fails.
			pod := awaitPod(t, app, func(p *corev1.Pod) bool {
				s := framework.ContainerStatus(p, contract.ContainerName)
				return s != nil && s.State.Running != nil
			})
			plugin.run(t, 1, "sync", pod.Name, "--namespace", app.Namespace)
			out, _ := plugin.run(t, 1, "doctor", pod.Name, "--namespace", app.Namespace)
			wantAll(t, "doctor", out, test.want(app))
		})
	}
}
