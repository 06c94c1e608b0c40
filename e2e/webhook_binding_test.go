package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// In a cluster with identity bindings, a pod gets its tokens only from the cluster's token proxy,
// and trusts it through the CA in a ConfigMap. A pod without the annotation does not change.
func TestIdentityBinding(t *testing.T) {
	t.Parallel()
	pod := newCertified(t, "binding", "restricted")
	newConfigMap(t, pod.Namespace, framework.TokenProxyCA, map[string]string{"ca.crt": testEnv.Roots.TokenProxy})
	plain := admit(t, pod).Pod
	if got := variables(containerOf(t, plain, "app"))["AZURE_KUBERNETES_TOKEN_PROXY"]; got != "" {
		t.Errorf("without the annotation, the app's token proxy is %s", got)
	}
	id := bound(t, pod, framework.TenantID, framework.Vault)
	pod.Annotations[contract.IdentityPrefix+"use-identity-binding"] = "true"
	// Entra ID is unreachable.
	pod.Spec.HostAliases = []corev1.HostAlias{{IP: testEnv.AzureIP, Hostnames: []string{framework.Vault}}}
	throughProxy(t, inService(t, pod), id)
}

// bound lets the pod's service account use its identity only through an identity binding, and
// returns the client ID.
func bound(t *testing.T, pod *corev1.Pod, tenant, vault string) string {
	t.Helper()
	id, err := testEnv.NewIdentity(testContext(t), pod.Namespace, pod.Name)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := testEnv.FederatedCredential(testContext(t), pod.Namespace, pod.Name)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, azure.Config{
		Applications: []azure.Application{{ClientID: id, Tenant: tenant, IdentityBindings: []azure.FederatedCredential{proof}}},
		Vaults:       []azure.Vault{{Host: vault, Tenant: tenant}},
		Grants:       []azure.Grant{{Vault: vault, ClientID: id}},
	})
	return id
}

// throughProxy asserts that the sidecar got its token from the proxy, and that the app can do so
// too.
func throughProxy(t *testing.T, pod *corev1.Pod, id string) {
	t.Helper()
	requests, err := testEnv.Azure.Requests(testContext(t), azure.Filter{Operation: azure.OpToken, ClientID: id})
	if err != nil {
		t.Fatal(err)
	}
	if len(requests) == 0 {
		t.Error("no token was requested")
	}
	for _, r := range requests {
		if r.Service != azure.ServiceTokenProxy || r.Host != framework.TokenProxy || r.Status != 200 {
			t.Errorf("a token was requested at %s (%s), with the response %d %s", r.Service, r.Host, r.Status, r.Code)
		}
	}
	app := variables(containerOf(t, pod, "app"))
	if app["AZURE_KUBERNETES_TOKEN_PROXY"] != "https://"+testEnv.AzureIP || app["AZURE_KUBERNETES_SNI_NAME"] != framework.TokenProxy {
		t.Errorf("the app's variables are %v", app)
	}
	inContainer(t, pod, "app", "read", app["AZURE_KUBERNETES_CA_FILE"])
	for _, token := range tokens(pod) {
		if token.Audience != "api://AKSIdentityBinding" {
			t.Errorf("a token is for %s", token.Audience)
		}
	}
}
