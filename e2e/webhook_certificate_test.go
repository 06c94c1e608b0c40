package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/client-go/util/retry"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

const tlsSecret = "azure-cert-sync-webhook-tls"

// The webhook creates the serving certificate and the caBundle, and restores them when they are
// removed. If the certificate is lost, no pod is refused. If the caBundle is lost, no pod is
// refused after it is restored.
//
// This test changes the whole cluster, so it does not run in parallel with others.
func TestServingCertificate(t *testing.T) {
	namespace := newNamespace(t, "serving", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	pod := labelled(namespace, "web", nil)

	t.Run("Secret emptied", func(t *testing.T) {
		before := readSecret(t)
		whileAdmitting(t, pod, func() {
			emptySecret(t)
			after := awaitSecret(t)
			if !bytes.Equal(before.Data[corev1.TLSCertKey], after.Data[corev1.TLSCertKey]) {
				t.Error("the Secret contains a certificate that is not the trusted one")
			}
		})
	})
	t.Run("Secret deleted", func(t *testing.T) {
		before := readSecret(t)
		whileAdmitting(t, pod, func() {
			err := testEnv.Client.CoreV1().Secrets(framework.SystemNamespace).Delete(testContext(t), tlsSecret, metav1.DeleteOptions{})
			if err != nil {
				t.Fatal(err)
			}
			after := awaitSecret(t)
			if after.UID == before.UID || !bytes.Equal(before.Data[corev1.TLSCertKey], after.Data[corev1.TLSCertKey]) {
				t.Error("the Secret that was created again does not have the certificate that is trusted")
			}
			if diff := cmp.Diff(before.Labels, after.Labels); diff != "" {
				t.Errorf("labels, by which Helm knows its objects (-before +after):\n%s", diff)
			}
		})
	})
	t.Run("caBundle emptied", func(t *testing.T) {
		before := awaitBundle(t)
		emptyBundle(t)
		if after := awaitBundle(t); !bytes.Equal(before, after) {
			t.Errorf("the caBundle has changed:\n%s\nbefore:\n%s", after, before)
		}
		settles(t, "pods are accepted", func() bool { return accepted(t, pod) == nil })
	})
	t.Run("renewal begun", func(t *testing.T) { whileAdmitting(t, pod, func() { beginRenewal(t) }) })
	t.Run("from nothing", func(t *testing.T) {
		before := readSecret(t)
		scale(t, 0)
		emptySecret(t)
		emptyBundle(t)
		scale(t, 2)
		if after := awaitSecret(t); bytes.Equal(before.Data[corev1.TLSCertKey], after.Data[corev1.TLSCertKey]) {
			t.Error("the certificate is the one that was deleted")
		}
		settles(t, "pods are accepted", func() bool { return accepted(t, pod) == nil })
	})
}

// beginRenewal replaces the certificate with one that expires in 20 days. The webhook must stage
// the next certificate beside it and publish its CA together with those in use.
func beginRenewal(t *testing.T) {
	ca := newAuthority(t)
	aged := ca.issue(t, servedName, 20*24*time.Hour)
	patch, err := json.Marshal(map[string]any{"data": map[string][]byte{"tls.crt": aged.cert, "tls.key": aged.key, "ca.crt": []byte(ca.pem())}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = testEnv.Client.CoreV1().Secrets(framework.SystemNamespace).Patch(testContext(t), tlsSecret,
		types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	awaitLogs(t, webhookPods(t), aged.serial)
	settles(t, "the next certificate is staged, and its CA trusted beside that of the current one", func() bool {
		data := readSecret(t).Data
		return bytes.Equal(data["tls.crt"], aged.cert) && len(data["next-tls.crt"]) > 0 && bytes.Contains(awaitBundle(t), data["ca.crt"])
	})
}

// accepted returns nil, or the reason why a pod was refused.
func accepted(t *testing.T, pod *corev1.Pod) error {
	t.Helper()
	_, err := testEnv.Admit(testContext(t), pod)
	return err
}

// whileAdmitting calls do while it creates pods one after the other, and then creates 20 more. No
// pod may be refused, or admitted without its identity.
func whileAdmitting(t *testing.T, pod *corev1.Pod, do func()) {
	t.Helper()
	attempts := attemptsDuring(t, pod, do)
	for i, err := range attempts {
		if err != nil {
			t.Errorf("pod %d of %d: %v", i+1, len(attempts), err)
		}
	}
	t.Logf("%d pods were created meanwhile", len(attempts))
}

// errUninjected is the result of a pod that was admitted without its identity.
var errUninjected = errors.New("admitted without its identity")

// attemptsDuring does the same, and returns what became of each pod: nil, errUninjected, or the
// reason why it was refused.
func attemptsDuring(t *testing.T, pod *corev1.Pod, do func()) (attempts []error) {
	t.Helper()
	ctx := testContext(t)
	over, result := make(chan struct{}), make(chan []error)
	go func() {
		var all []error
		for left := 20; left > 0 && ctx.Err() == nil; {
			a, err := testEnv.Admit(ctx, pod)
			if err == nil && len(tokens(a.Pod)) == 0 {
				err = errUninjected
			}
			all = append(all, err)
			select {
			case <-over:
				left--
			default:
			}
		}
		result <- all
	}()
	defer func() { // also if do ends the test
		close(over)
		attempts = <-result
	}()
	do()
	return nil
}

func readSecret(t *testing.T) *corev1.Secret {
	t.Helper()
	secret, err := testEnv.Client.CoreV1().Secrets(framework.SystemNamespace).Get(testContext(t), tlsSecret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func emptySecret(t *testing.T) {
	t.Helper()
	_, err := testEnv.Client.CoreV1().Secrets(framework.SystemNamespace).Patch(testContext(t), tlsSecret,
		types.MergePatchType, []byte(`{"data":null}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func emptyBundle(t *testing.T) {
	t.Helper()
	_, err := testEnv.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Patch(testContext(t), webhookName,
		types.JSONPatchType, []byte(`[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitSecret waits until the Secret contains a certificate.
func awaitSecret(t *testing.T) *corev1.Secret {
	t.Helper()
	source := cache.NewListWatchFromClient(testEnv.Client.CoreV1().RESTClient(), "secrets", framework.SystemNamespace,
		fields.OneTermEqualSelector(metav1.ObjectNameField, tlsSecret))
	var found *corev1.Secret
	_, err := watchtools.UntilWithSync(testContext(t), source, &corev1.Secret{}, nil, func(e watch.Event) (bool, error) {
		found, _ = e.Object.(*corev1.Secret)
		return found != nil && len(found.Data[corev1.TLSCertKey]) > 0, nil
	})
	if err != nil {
		t.Fatalf("the Secret did not get a certificate: %v", err)
	}
	return found
}

// awaitBundle waits until the caBundle is set, and returns it.
func awaitBundle(t *testing.T) []byte {
	t.Helper()
	source := cache.NewListWatchFromClient(testEnv.Client.AdmissionregistrationV1().RESTClient(), "mutatingwebhookconfigurations", "",
		fields.OneTermEqualSelector(metav1.ObjectNameField, webhookName))
	var bundle []byte
	_, err := watchtools.UntilWithSync(testContext(t), source, &admissionregistrationv1.MutatingWebhookConfiguration{}, nil,
		func(e watch.Event) (bool, error) {
			if c, ok := e.Object.(*admissionregistrationv1.MutatingWebhookConfiguration); ok {
				bundle = c.Webhooks[0].ClientConfig.CABundle
			}
			return len(bundle) > 0, nil
		})
	if err != nil {
		t.Fatalf("the caBundle was not set: %v", err)
	}
	return bundle
}

// scale scales the webhook and waits until it has exactly that many pods, all ready. Then it gives
// up the ownership of the number, so that Helm can change it.
func scale(t *testing.T, replicas int) {
	t.Helper()
	if _, err := testEnv.Cluster.Kubectl(testContext(t), "scale", "deployment/"+webhookName, fmt.Sprint("--replicas=", replicas),
		"--namespace", framework.SystemNamespace); err != nil {
		t.Fatal(err)
	}
	rolledOut(t)
	gone(t)
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		deployments := testEnv.Client.AppsV1().Deployments(framework.SystemNamespace)
		d, err := deployments.Get(testContext(t), webhookName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		d.ManagedFields = slices.DeleteFunc(d.ManagedFields, func(m metav1.ManagedFieldsEntry) bool { return m.Subresource == "scale" })
		_, err = deployments.Update(testContext(t), d, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
