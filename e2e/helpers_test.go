package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// testTimeout is how long a test waits for something that normally happens at once. It is long so
// that tests also pass on a slow machine.
const testTimeout = 3 * time.Minute

// long reports whether make test-long runs the tests, which then try every variant.
func long() bool { return os.Getenv("E2E_LONG") != "" }

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// newApp returns an app in a separate namespace, which is removed when the test ends. The app has
// an identity that may read the vault, and an annotation that requests one certificate. newApp does
// not create the certificate.
func newApp(t *testing.T, name string) framework.App {
	t.Helper()
	namespace := "e2e-" + name
	clientID, err := testEnv.NewIdentity(testContext(t), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := testEnv.RemoveNamespace(ctx, namespace); err != nil {
			t.Error(err)
		}
	})
	return framework.App{
		Namespace: namespace, Name: name, ClientID: clientID, PEM: framework.StoreFile(name),
		Annotations: map[string]string{contract.Prefix + contract.KeyCertificates: secretURL(name)},
	}
}

func secretURL(name string) string { return "https://" + framework.Vault + "/secrets/" + name }

func createCertificate(t *testing.T, c azure.Certificate) azure.Version {
	t.Helper()
	c.Vault = framework.Vault
	version, err := testEnv.Azure.CreateCertificate(testContext(t), c)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func deploy(t *testing.T, app framework.App) {
	t.Helper()
	if err := testEnv.Deploy(testContext(t), app); err != nil {
		t.Fatal(err)
	}
}

func awaitPod(t *testing.T, app framework.App, condition func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	pod, err := testEnv.AwaitPod(testContext(t), app.Namespace, app.Name, condition)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}
