package e2e

import (
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Placeholders of the examples.
const (
	exampleClientID = "00001111-aaaa-2222-bbbb-3333cccc4444"
	exampleVault    = "examplevault"
)

// yamlBlock matches a block of YAML in a page.
var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// Each example serves the certificate, and the renewed one without a restart, in a namespace that
// enforces "restricted"; that of the README, which is short, in one that does not. The manifests
// run as they are: only the client ID and the vault's name are replaced.
func TestExamples(t *testing.T) {
	t.Parallel()
	if testEnv.Cluster.External() {
		return // the images need a node on this machine
	}
	for name, image := range map[string]string{
		"nginx": nginxImage, "haproxy": "docker.io/library/haproxy:3.2", "java": "docker.io/library/eclipse-temurin:21",
		"node": "docker.io/library/node:24-slim", "go": "registry.example.com/shop:1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := readPage(t, "../docs/examples/"+name+".yaml")
			runExample(t, example{name: name, level: "restricted", manifest: content, server: name, image: image})
		})
	}
	t.Run("readme", func(t *testing.T) {
		t.Parallel()
		block := yamlBlock.FindStringSubmatch(readPage(t, "../README.md"))
		if block == nil {
			t.Fatal("README.md has no block of YAML")
		}
		runExample(t, example{name: "readme", level: "baseline", manifest: block[1], server: "nginx", image: nginxImage})
	})
}

// example is a manifest of the documentation.
type example struct {
	name, level, manifest string
	// server is the key in servers of the image that stands for image.
	server, image string
}

func readPage(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func runExample(t *testing.T, e example) {
	t.Helper()
	ctx := testContext(t)
	loadServer(ctx, t, e.server)
	if err := testEnv.Cluster.TagImage(ctx, e.server, e.image); err != nil {
		t.Fatal(err)
	}
	namespace := newNamespace(t, "example-"+e.name, e.level, nil)
	vault := namespace
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
	first, err := testEnv.Azure.CreateCertificate(ctx, azure.Certificate{Vault: host, Name: "shop-tls", DNSNames: []string{"shop.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(e.manifest, "image: "+e.image+"\n") {
		t.Errorf("the example does not use the image %s", e.image)
	}
	manifest := strings.NewReplacer(exampleClientID, id, exampleVault, vault).Replace(e.manifest)
	apply := testEnv.Cluster.Command(ctx, "kubectl", "apply", "--namespace", namespace, "-f", "-")
	apply.Stdin = strings.NewReader(manifest)
	if out, err := apply.CombinedOutput(); err != nil || strings.Contains(string(out), "Warning") {
		t.Fatalf("kubectl apply: %v: %s", err, out)
	}

	pod := inRotation(t, namespace)
	address := net.JoinHostPort(pod.Status.PodIP, "8443")
	awaitServed(t, address, "shop.example.com", first.Serial)
	renewed, err := testEnv.Azure.Renew(ctx, azure.Renewal{Vault: host, Name: "shop-tls"})
	if err != nil {
		t.Fatal(err)
	}
	awaitServed(t, address, "shop.example.com", renewed.Serial)
	pod = inRotation(t, namespace)
	for _, container := range []string{pod.Spec.Containers[0].Name, contract.ContainerName} {
		if s := framework.ContainerStatus(pod, container); s == nil || s.RestartCount != 0 {
			t.Errorf("container %s: status %+v, want no restart", container, s)
		}
	}
}

// inRotation waits until a pod of the example is ready.
func inRotation(t *testing.T, namespace string) *corev1.Pod {
	t.Helper()
	pod, err := testEnv.AwaitPod(testContext(t), namespace, "shop", framework.Ready)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}
