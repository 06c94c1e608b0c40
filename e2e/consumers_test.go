package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Common programs can read the files in a pod's volume: openssl, nginx and Java, which run on the
// node.
func TestConsumers(t *testing.T) {
	t.Parallel()
	if testEnv.Cluster.External() {
		return // tests cannot run programs on its nodes; package bundle tests the files too
	}
	pod := newCertified(t, "consumers", "restricted")
	createCertificate(t, azure.Certificate{Name: pod.Name, DNSNames: []string{"consumers.example.com"}})
	pod.Annotations[key("formats")] = "pem,split,pkcs12,jks"
	pod.Annotations[key("keystore-password-secret")] = "keystore/pass"
	_, err := testEnv.Client.CoreV1().Secrets(pod.Namespace).Create(testContext(t), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "keystore"}, StringData: map[string]string{"pass": "not changeit"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod = inService(t, pod)
	file := filepath.Join(storeOnNode(t, pod), filepath.Base(framework.StoreFile(pod.Name)))
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, []byte(testEnv.Roots.Issuer), 0o600); err != nil {
		t.Fatal(err)
	}

	onNode(t, "OK", "openssl", "verify", "-CAfile", root, "-untrusted", file, file)
	onNode(t, "OK", "openssl", "verify", "-CAfile", root, "-untrusted", file+".d/tls.crt", file+".d/tls.crt")
	onNode(t, "Key is valid", "openssl", "pkey", "-in", file+".d/tls.key", "-check", "-noout")
	onNode(t, "subject=CN = consumers", "openssl", "pkcs12", "-in", file+".p12", "-passin", "pass:not changeit", "-nokeys")
	onNode(t, "chain length: 3", "keytool", "-list", "-v", "-keystore", file+".p12", "-storepass", "not changeit")
	onNode(t, "chain length: 3", "keytool", "-list", "-v", "-keystore", file+".jks", "-storetype", "JKS", "-storepass", "not changeit")
	withNginx(t, pod, file)
}

// storeOnNode returns the path of the pod's default store on the node.
func storeOnNode(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	volumes := mountsAt(containerOf(t, pod, contract.ContainerName), contract.DefaultStoreLocation)
	if len(volumes) != 1 {
		t.Fatalf("the sidecar mounts the volumes %q at the store, want one", volumes)
	}
	return testEnv.Cluster.EmptyDir(pod.UID, volumes[0])
}

// onNode runs a program on the node. It must succeed and print the text.
func onNode(t *testing.T, want, name string, args ...string) {
	t.Helper()
	out, err := testEnv.Cluster.OnNode(testContext(t), name, args...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%s %s: error %v, want output that contains %q:\n%s", name, strings.Join(args, " "), err, want, out)
	}
}

const nginxAddress = "127.0.0.1:10443"

// withNginx runs nginx with the file. After a renewal and a reload, nginx must serve the new
// certificate. The client trusts only the vault's root.
func withNginx(t *testing.T, pod *corev1.Pod, file string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; user root; worker_processes 1; pid %[1]s/pid; error_log stderr; events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  server { listen %[2]s ssl; ssl_certificate %[3]s; ssl_certificate_key %[3]s; }
}`, dir, nginxAddress, file)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	nginx := testEnv.Cluster.OnNode(t.Context(), "nginx", "-e", "stderr", "-c", config)
	nginx.Stderr = &log
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		onNode(t, "", "nginx", "-e", "stderr", "-c", config, "-s", "quit")
		if err := nginx.Wait(); err != nil || t.Failed() {
			t.Errorf("nginx: %v: %s", err, log.String())
		}
	}()
	versions, err := testEnv.Azure.Versions(testContext(t), azure.SecretRef{Vault: framework.Vault, Name: pod.Name})
	if err != nil {
		t.Fatal(err)
	}
	awaitServed(t, nginxAddress, "consumers.example.com", versions[len(versions)-1].Serial)
	renewed, err := testEnv.Azure.Renew(testContext(t), azure.Renewal{Vault: framework.Vault, Name: pod.Name})
	if err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextCancel(testContext(t), 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		target, err := testEnv.Cluster.OnNode(ctx, "readlink", "-e", file).Output()
		return strings.HasSuffix(strings.TrimSpace(string(target)), renewed.Version), err
	})
	if err != nil {
		t.Fatalf("version %s did not arrive in the volume: %v", renewed.Version, err)
	}
	onNode(t, "", "nginx", "-e", "stderr", "-c", config, "-s", "reload")
	awaitServed(t, nginxAddress, "consumers.example.com", renewed.Serial)
}

// awaitServed waits until a server serves the certificate with this serial number for a name. The
// client trusts only the vault's root.
func awaitServed(t *testing.T, address, name, serial string) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(testEnv.Roots.Issuer))
	var last error
	err := wait.PollUntilContextCancel(testContext(t), 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		raw, err := testEnv.Cluster.Dial(ctx, "tcp", address)
		if last = err; err != nil {
			return false, nil
		}
		defer raw.Close()
		conn := tls.Client(raw, &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12})
		if last = conn.HandshakeContext(ctx); last != nil {
			return false, nil
		}
		got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Text(16)
		last = fmt.Errorf("serial number %s is served", got)
		return got == serial, nil
	})
	if err != nil {
		t.Fatalf("%s did not serve serial number %s: %v", address, serial, last)
	}
}
