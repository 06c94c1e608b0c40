package e2e

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

const (
	ownSecret         = "e2e-own-tls"
	certManagerSecret = webhookName + "-cert-manager-tls"
	servedName        = webhookName + "." + framework.SystemNamespace + ".svc"
)

// The serving certificate can come from the administrator or from cert-manager. After the chart is
// uninstalled, nothing of it is left.
//
// This test changes the whole cluster, so it does not run in parallel with others.
func TestServingCertificateOfOthers(t *testing.T) {
	namespace := newNamespace(t, "others-tls", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	pod := labelled(namespace, "web", nil)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := testEnv.InstallChart(ctx); err != nil {
			t.Error(err)
		}
	})
	ownCertificate(t, pod)
	certManagerObjects(t, pod)
	uninstalled(t)
}

// ownCertificate uses the certificate in a Secret, and then its replacement. A replica with an
// unusable certificate must not replace a working one.
func ownCertificate(t *testing.T, pod *corev1.Pod) {
	ca := newAuthority(t)
	putSecret(t, ownSecret, ca.issue(t, servedName, time.Hour))
	defer removeSecret(t, ownSecret)
	if err := testEnv.UpgradeChart(testContext(t), valuesWithOwn(ca)); err != nil {
		t.Fatal(err)
	}
	gone(t)
	replicas := webhookPods(t)

	whileAdmitting(t, pod, func() {
		next := ca.issue(t, servedName, 2*time.Hour)
		putSecret(t, ownSecret, next)
		awaitLogs(t, replicas, next.serial)

		// A replica without another certificate does not become ready, and logs the reason.
		putSecret(t, ownSecret, ca.issue(t, servedName, -time.Hour))
		if _, err := testEnv.Cluster.Kubectl(testContext(t), "delete", "pod", replicas[0].Name, "--namespace", framework.SystemNamespace); err != nil {
			t.Fatal(err)
		}
		awaitLog(t, &replicas[1], "webhook", "that expired")
		for _, late := range webhookPods(t) {
			if late.Name != replicas[1].Name {
				awaitLog(t, &late, "webhook", `"msg":"webhook not ready yet","reason":"the Secret `+framework.SystemNamespace+`/`+ownSecret)
			}
		}
		last := ca.issue(t, servedName, 3*time.Hour)
		putSecret(t, ownSecret, last)
		awaitLogs(t, webhookPods(t), last.serial)
	})
}

// certManagerObjects applies the chart's cert-manager objects. The API server validates them with
// cert-manager's definitions. The test then creates the requested certificates, as cert-manager
// does.
//
// The test does not run cert-manager, because building it would take five minutes of CPU time.
func certManagerObjects(t *testing.T, pod *corev1.Pod) {
	installCertManagerDefinitions(t)
	whileAdmitting(t, pod, func() { upgradeWithCertManager(t, testEnv.Cluster.Helm) })
	t.Cleanup(func() { removeSecret(t, certManagerSecret) }) // cert-manager does not delete its Secrets either
}

// upgradeWithCertManager changes the source of the certificate to cert-manager.
func upgradeWithCertManager(t *testing.T, helm framework.Helm, flags ...string) {
	t.Helper()
	installed := make(chan error, 1)
	go func() { installed <- testEnv.UpgradeChartBy(testContext(t), helm, valuesWithCertManager(), flags...) }()
	issueRequested(t)
	if err := <-installed; err != nil {
		t.Fatal(err)
	}
	gone(t)
}

func valuesWithCertManager() map[string]any {
	values := testEnv.Values()
	values["webhook"].(map[string]any)["tls"] = map[string]any{"source": "cert-manager"}
	return values
}

// valuesWithOwn are the chart's values for the Secret ownSecret with a certificate of a CA.
func valuesWithOwn(ca authority) map[string]any {
	values := testEnv.Values()
	values["webhook"].(map[string]any)["tls"] = map[string]any{"source": "secret", "secretName": ownSecret, "caBundle": ca.pem()}
	return values
}

// installCertManagerDefinitions installs cert-manager's kinds until the test ends.
func installCertManagerDefinitions(t *testing.T) {
	t.Helper()
	definitions := certManagerDefinitions(t)
	if _, err := testEnv.Cluster.Kubectl(testContext(t), "apply", "--server-side", "--filename", definitions); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if _, err := testEnv.Cluster.Kubectl(ctx, "delete", "--filename", definitions); err != nil {
			t.Error(err)
		}
	})
	err := wait.PollUntilContextCancel(testContext(t), 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := testEnv.Cluster.Kubectl(ctx, "get", "issuers.cert-manager.io,certificates.cert-manager.io", "--all-namespaces")
		return err == nil, nil
	})
	if err != nil {
		t.Fatalf("the API server does not serve cert-manager's kinds: %v", err)
	}
}

// issueRequested does the work of cert-manager: it creates the Secret that the Certificate
// requests, with the CA of its issuer.
func issueRequested(t *testing.T) {
	t.Helper()
	kubectl := func(args ...string) []byte {
		out, err := testEnv.Cluster.Kubectl(testContext(t), append(args, "--namespace", framework.SystemNamespace)...)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(out)
	}
	get := func(resource string, into any) {
		kubectl("wait", "--for=create", resource, "--timeout=2m")
		if err := json.Unmarshal(kubectl("get", resource, "--output=json"), into); err != nil {
			t.Fatal(err)
		}
	}
	var leaf, ca struct {
		Spec struct {
			SecretName string
			DNSNames   []string
			IsCA       bool
			IssuerRef  struct{ Name, Kind string }
		}
	}
	var issuer struct {
		Spec struct{ CA struct{ SecretName string } }
	}
	get("certificate.cert-manager.io/"+webhookName, &leaf)
	get("issuer.cert-manager.io/"+leaf.Spec.IssuerRef.Name, &issuer)
	get("certificate.cert-manager.io/"+issuer.Spec.CA.SecretName, &ca)
	if !ca.Spec.IsCA || ca.Spec.SecretName != issuer.Spec.CA.SecretName || len(leaf.Spec.DNSNames) != 1 {
		t.Fatalf("the certificate %+v does not come from a CA that cert-manager creates: %+v", leaf, ca)
	}
	if leaf.Spec.SecretName != certManagerSecret {
		t.Fatalf("the certificate is for the Secret %s, want %s", leaf.Spec.SecretName, certManagerSecret)
	}
	authority := newAuthority(t)
	putSecret(t, certManagerSecret, authority.issue(t, leaf.Spec.DNSNames[0], time.Hour), authority)
}

// certManagerDefinitions returns the folder of the custom resource definitions of the pinned
// cert-manager.
func certManagerDefinitions(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(testContext(t), "go", "mod", "download", "-json", "github.com/cert-manager/cert-manager")
	cmd.Dir = "cluster/programs/cert-manager"
	cmd.Env = append(cmd.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if decodeErr := json.Unmarshal(out, &module); err != nil || decodeErr != nil {
		t.Fatalf("cert-manager's module: %v: %v: %s", err, decodeErr, module.Error)
	}
	return filepath.Join(module.Dir, "deploy", "crds")
}

func uninstall(t *testing.T) {
	t.Helper()
	if _, err := testEnv.Cluster.Helm(testContext(t), "uninstall", "azure-cert-sync", "--namespace", framework.SystemNamespace, "--wait"); err != nil {
		t.Fatal(err)
	}
}

// uninstalled asserts that nothing of the chart is left after helm uninstall.
func uninstalled(t *testing.T) {
	uninstall(t)
	kinds := "deployments,replicasets,services,serviceaccounts,secrets,configmaps,poddisruptionbudgets,roles,rolebindings," +
		"clusterroles,clusterrolebindings,mutatingwebhookconfigurations,certificates.cert-manager.io,issuers.cert-manager.io"
	left, err := testEnv.Cluster.Kubectl(testContext(t), "get", kinds, "--all-namespaces", "--output=name",
		"--selector=app.kubernetes.io/name=azure-cert-sync")
	if err != nil || strings.TrimSpace(left) != "" {
		t.Errorf("helm uninstall left %s (%v)", left, err)
	}
}

// ofWebhook selects the webhook's pods. The chart's test has a pod in the same namespace.
var ofWebhook = metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=webhook"}

// webhookPods returns the webhook's two replicas, without pods that are being deleted.
func webhookPods(t *testing.T) []corev1.Pod {
	t.Helper()
	pods, err := testEnv.Client.CoreV1().Pods(framework.SystemNamespace).List(testContext(t), ofWebhook)
	if err != nil {
		t.Fatal(err)
	}
	replicas := slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	if len(replicas) != 2 {
		t.Fatalf("the webhook has %d pods", len(replicas))
	}
	return replicas
}

// awaitLogs waits until every replica has logged a text.
func awaitLogs(t *testing.T, replicas []corev1.Pod, text string) {
	t.Helper()
	for i := range replicas {
		awaitLog(t, &replicas[i], "webhook", text)
	}
}

// putSecret creates or replaces a TLS Secret in the webhook's namespace, with the CA if one is
// given.
func putSecret(t *testing.T, name string, c issued, cas ...authority) {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: c.cert, corev1.TLSPrivateKeyKey: c.key},
	}
	for _, ca := range cas {
		secret.Data["ca.crt"] = []byte(ca.pem())
	}
	secrets := testEnv.Client.CoreV1().Secrets(framework.SystemNamespace)
	_, err := secrets.Update(testContext(t), secret, metav1.UpdateOptions{})
	if err != nil {
		_, err = secrets.Create(testContext(t), secret, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func removeSecret(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := testEnv.Client.CoreV1().Secrets(framework.SystemNamespace).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}
