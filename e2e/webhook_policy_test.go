package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// With the chart's admissionPolicy, somebody with the token of the webhook's service account can
// change nothing but the caBundle and the webhook's own Secret. That these changes are possible,
// the other tests show: all of them run with the policy.
func TestAdmissionPolicy(t *testing.T) {
	t.Parallel()
	thief := asWebhook(t)
	for name, patch := range map[string]string{
		"selector":       `[{"op":"replace","path":"/webhooks/0/objectSelector","value":{}}]`,
		"rules":          `[{"op":"replace","path":"/webhooks/0/rules/0/resources","value":["secrets"]}]`,
		"failure policy": `[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]`,
		"match":          `[{"op":"add","path":"/webhooks/0/matchConditions","value":[{"name":"none","expression":"false"}]}]`,
		"other server": `[{"op":"replace","path":"/webhooks/0/clientConfig",
			"value":{"url":"https://thief.example.com"}}]`,
		"more webhooks": `[{"op":"copy","from":"/webhooks/0","path":"/webhooks/-"},
			{"op":"replace","path":"/webhooks/1/name","value":"more.example.com"}]`,
		"no webhook":  `[{"op":"remove","path":"/webhooks/0"}]`,
		"labels":      `[{"op":"add","path":"/metadata/labels/owner","value":"thief"}]`,
		"annotations": `[{"op":"add","path":"/metadata/annotations/note","value":"thief"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := thief.AdmissionregistrationV1().MutatingWebhookConfigurations().Patch(testContext(t), webhookName,
				types.JSONPatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
			deniedByPolicy(t, err, "may change only caBundle")
		})
	}
	for name, secret := range map[string]*corev1.Secret{
		"another Secret": {ObjectMeta: metav1.ObjectMeta{Name: "another"}},
		"a token": {Type: corev1.SecretTypeServiceAccountToken, ObjectMeta: metav1.ObjectMeta{
			Name: "token", Annotations: map[string]string{corev1.ServiceAccountNameKey: webhookName},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := thief.CoreV1().Secrets(framework.SystemNamespace).Create(testContext(t), secret,
				metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			deniedByPolicy(t, err, "may write only its own serving certificate")
		})
	}
	_, err := thief.AdmissionregistrationV1().MutatingWebhookConfigurations().Patch(testContext(t), webhookName,
		types.JSONPatchType, []byte(`[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`),
		metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		t.Errorf("the caBundle: %v", err)
	}
}

// asWebhook returns a client with the rights of the webhook's service account.
func asWebhook(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	config, err := testEnv.Cluster.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + framework.SystemNamespace + ":" + webhookName}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func deniedByPolicy(t *testing.T, err error, message string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "ValidatingAdmissionPolicy '"+webhookName+"'") || !strings.Contains(err.Error(), message) {
		t.Errorf("got %v, want a denial by the policy: %s", err, message)
	}
}
