package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// sdkVariable is set by "make examples". Without it, only the SDK for Go is tested: the others need
// a download of their packages.
const sdkVariable = "E2E_SDKS"

// The Azure SDKs get tokens of the pod's identity with nothing but what the webhook injects: as
// workload identity, by their default chain, and as managed identity through the metadata endpoint,
// at the address of the metadata service or by the variables of App Service. Only the trust in the
// emulator is added.
func TestSDKs(t *testing.T) {
	t.Parallel()
	if testEnv.Cluster.External() {
		return // the images need a node on this machine
	}
	all := []string{"workload-identity", "default", "managed-identity"}
	for name, sdk := range map[string]struct {
		program     []string
		credentials []string
		caFile      string // the variable that names the CAs to trust
		image       func(context.Context, *testing.T) cluster.PackSpec
	}{
		"go":   {[]string{program, "token", "https://vault.azure.net"}, all, "SSL_CERT_FILE", nil},
		"node": {[]string{"node", "/app/token.js"}, all, "NODE_EXTRA_CA_CERTS", nodeSDK},
		// Debian 12 has a version before WorkloadIdentityCredential. Its credentials read the same
		// variables.
		"python": {[]string{"python3", "/app/token_claims.py"}, all[1:], "REQUESTS_CA_BUNDLE", pythonSDK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image := "testapp"
			if sdk.image != nil {
				if os.Getenv(sdkVariable) == "" {
					t.Skipf("%s is not set: \"make examples\" runs this", sdkVariable)
				}
				image = "sdk-" + name
				loadImage(testContext(t), t, image, sdk.image)
			}
			for _, level := range []string{"restricted", "privileged"} {
				t.Run(level, func(t *testing.T) {
					t.Parallel()
					pod, id := newManaged(t, "sdk-"+name+"-"+level, level)
					trustEmulator(t, pod, sdk.caFile)
					app := &pod.Spec.Containers[0]
					app.Image = testEnv.Cluster.Image(image)
					app.Command, app.Args = slices.Concat(sdk.program, sdk.credentials), nil
					pod.Spec.InitContainers = nil
					log := logOf(t, ended(t, pod), "app")
					// Besides, some SDKs log which credentials of their chain they skip.
					lines := slices.DeleteFunc(strings.Split(log, "\n"), func(l string) bool { return !strings.HasPrefix(l, "{") })
					if len(lines) != len(sdk.credentials) {
						t.Fatalf("the app printed %d tokens, want one for each credential:\n%s", len(lines), log)
					}
					for i, line := range lines {
						var claims struct{ AppID, Aud string }
						if err := json.Unmarshal([]byte(line), &claims); err != nil {
							t.Fatalf("%v: %s", err, line)
						}
						if claims.AppID != id || claims.Aud != "https://vault.azure.net" {
							t.Errorf("%s got a token of %+v, want one of %s", sdk.credentials[i], claims, id)
						}
					}
				})
			}
		})
	}
}

// trustEmulator lets the first container of a pod trust the emulator's certificates. A variable of
// the SDK's language names the file.
func trustEmulator(t *testing.T, pod *corev1.Pod, variable string) {
	t.Helper()
	newConfigMap(t, pod.Namespace, "emulator", map[string]string{"ca.pem": testEnv.Roots.TLS})
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "emulator", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "emulator"}},
	}})
	app := &pod.Spec.Containers[0]
	app.VolumeMounts = append(app.VolumeMounts, corev1.VolumeMount{Name: "emulator", MountPath: "/emulator"})
	app.Env = append(app.Env, corev1.EnvVar{Name: variable, Value: "/emulator/ca.pem"})
}

// nodeSDK is an image with Node.js and @azure/identity.
func nodeSDK(ctx context.Context, t *testing.T) cluster.PackSpec {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/sdk/node")); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(ctx, onMachine(t, "npm"), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v: %s", err, out)
	}
	files := programs(ctx, t, "node")
	if err := framework.AddTree(files, dir, "/app"); err != nil {
		t.Fatal(err)
	}
	return cluster.PackSpec{Files: files}
}

// pythonSDK is an image with Debian's Python and the parts of python3-azure that get tokens.
func pythonSDK(ctx context.Context, t *testing.T) cluster.PackSpec {
	const packages = "/usr/lib/python3/dist-packages"
	interpreter, err := filepath.EvalSymlinks("/usr/bin/python3")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	standard := filepath.Join("/usr/lib", filepath.Base(interpreter))
	extensions, err := filepath.Glob(filepath.Join(standard, "lib-dynload", "*.so"))
	if err != nil {
		t.Fatal(err)
	}
	bindings, err := filepath.Glob(packages + "/*/hazmat/bindings/*.so")
	if err != nil {
		t.Fatal(err)
	}
	backend, err := filepath.Glob(packages + "/_cffi_backend*.so")
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range slices.Concat([]string{interpreter}, extensions, bindings, backend) {
		if err := framework.AddPrograms(ctx, files, program); err != nil {
			t.Fatal(err)
		}
	}
	trees := []string{standard}
	for _, name := range []string{
		"azure/core", "azure/identity", "certifi", "chardet", "charset_normalizer", "cryptography", "idna", "jwt",
		"msal", "msal_extensions", "portalocker", "requests", "urllib3",
	} {
		trees = append(trees, filepath.Join(packages, name))
	}
	for _, tree := range trees {
		if err := framework.AddTree(files, tree, tree); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"six.py", "typing_extensions.py", "azure/__init__.py"} {
		files[filepath.Join(packages, name)] = filepath.Join(packages, name)
	}
	files["/usr/bin/python3"] = interpreter
	files["/app/token_claims.py"] = "testdata/sdk/python/token_claims.py"
	return cluster.PackSpec{Files: files}
}
