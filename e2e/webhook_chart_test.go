package e2e

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// During an upgrade with other values, no pod is refused and the certificate stays. Afterwards all
// values take effect.
//
// The values apply to all pods, so this test does not run in parallel with others.
func TestChartUpgrade(t *testing.T) {
	namespace := newNamespace(t, "upgrade", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	newConfigMap(t, namespace, "bad", map[string]string{"settings.json": "no settings"})
	pod := labelled(namespace, "web", nil)
	values := testEnv.Values()
	values["identity"] = map[string]any{
		"tenantId": otherTenant, "environment": "AzureUSGovernment",
		"tokenAudience": "api://AzureADTokenExchangeUSGov", "legacyTokenPath": true,
		"tokenEndpoint": testEnv.TokenEndpoint(map[string]any{"caSigner": bundleSigner, "caSelector": "for=token-proxy"}),
	}
	sidecar := values["sidecar"].(map[string]any)
	sidecar["defaults"] = map[string]any{"certificates": secretURL("everybody"), "polling-interval": "2h"}
	sidecar["env"] = map[string]any{
		"HTTPS_PROXY": "http://proxy.example.com:3128", "NO_PROXY": testEnv.AzureIP + ",.vault.usgovcloudapi.net",
	}
	sidecar["pullSecrets"] = []string{"pull"}
	sidecar["startAfter"] = []string{"mesh"}
	sidecar["readSettingsConfigMaps"] = false

	before := readSecret(t)
	back := false
	defer func() {
		if back {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := testEnv.InstallChart(ctx); err != nil {
			t.Error(err)
		}
	}()
	whileAdmitting(t, pod, func() {
		if err := testEnv.UpgradeChart(testContext(t), values); err != nil {
			t.Fatal(err)
		}
		gone(t)
	})
	if !bytes.Equal(before.Data[corev1.TLSCertKey], readSecret(t).Data[corev1.TLSCertKey]) {
		t.Error("the upgrade replaced the serving certificate")
	}
	pod.Spec.InitContainers = []corev1.Container{*pod.Spec.Containers[0].DeepCopy(), *pod.Spec.Containers[0].DeepCopy()}
	pod.Spec.InitContainers[0].Name, pod.Spec.InitContainers[1].Name = "mesh", "own"
	upgraded(t, admit(t, pod).Pod)

	pod.Annotations = annotated(key("settings-configmap"), "bad")
	warned(t, admit(t, pod), "ConfigMap bad was not read", contract.DefaultStoreLocation)
	inGovernmentCloud(t)

	pod.Annotations, pod.Spec.InitContainers = nil, nil
	whileAdmitting(t, pod, func() {
		if _, err := testEnv.Cluster.Helm(testContext(t), "rollback", "azure-cert-sync", "--namespace", framework.SystemNamespace, "--wait"); err != nil {
			t.Fatal(err)
		}
		rolledOut(t)
		gone(t)
	})
	back = true
	if !bytes.Equal(before.Data[corev1.TLSCertKey], readSecret(t).Data[corev1.TLSCertKey]) {
		t.Error("the rollback replaced the serving certificate")
	}
	if diff := cmp.Diff(identityOf(framework.TenantID), variables(containerOf(t, admit(t, pod).Pod, "app"))); diff != "" {
		t.Errorf("variables after the rollback (-want +got):\n%s", diff)
	}
}

const (
	otherTenant  = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
	bundleSigner = "example.com/token-proxy"
)

// inGovernmentCloud runs a pod with a vault of the US government cloud. Its tokens come from the
// token proxy, whose CA is in a ClusterTrustBundle.
func inGovernmentCloud(t *testing.T) {
	t.Helper()
	const vault = "example-vault.vault.usgovcloudapi.net"
	_, err := testEnv.Cluster.KubectlApply(testContext(t), `apiVersion: certificates.k8s.io/v1beta1
kind: ClusterTrustBundle
metadata: {name: "example.com:token-proxy:e2e", labels: {for: token-proxy}}
spec: {signerName: `+bundleSigner+`, trustBundle: `+strconv.Quote(testEnv.Roots.TokenProxy)+`}
`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := testEnv.Cluster.Kubectl(testContext(t), "delete", "clustertrustbundle", "example.com:token-proxy:e2e"); err != nil {
			t.Error(err)
		}
	}()
	pod := newCertified(t, "government", "restricted")
	id := bound(t, pod, otherTenant, vault)
	if _, err := testEnv.Azure.CreateCertificate(testContext(t), azure.Certificate{Vault: vault, Name: pod.Name}); err != nil {
		t.Fatal(err)
	}
	pod.Annotations = annotated(key("certificates"), "https://"+vault+"/secrets/"+pod.Name, contract.IdentityPrefix+"use-identity-binding", "true")
	pod.Spec.HostAliases = []corev1.HostAlias{{IP: testEnv.AzureIP, Hostnames: []string{vault}}}
	throughProxy(t, inService(t, pod), id)
}

func upgraded(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	identity := identityOf(otherTenant)
	identity[contract.EnvAuthorityHost] = "https://login.microsoftonline.us/"
	app := containerOf(t, pod, "app")
	if diff := cmp.Diff(identity, variables(app)); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	for _, token := range tokens(pod) {
		if token.Audience != "api://AzureADTokenExchangeUSGov" {
			t.Errorf("a token is for %s", token.Audience)
		}
	}
	if at := mountsAt(app, contract.LegacyIdentityMountPath); len(at) != 1 {
		t.Errorf("volumes at %s: %q, want one", contract.LegacyIdentityMountPath, at)
	}
	if got := pod.Annotations[key(contract.KeySettingsSource)]; got != "chart: certificates" {
		t.Errorf("settings-source is %q", got)
	}
	if got := names(pod.Spec.InitContainers); !slices.Equal(got, []string{"mesh", contract.ContainerName, "own"}) {
		t.Errorf("init containers are %q", got)
	}
	settings := settingsOf(t, pod)
	if diff := cmp.Diff([]string{secretURL("everybody")}, urlsOf(settings)); diff != "" {
		t.Errorf("certificates (-want +got):\n%s", diff)
	}
	if got := variables(containerOf(t, pod, contract.ContainerName))["HTTPS_PROXY"]; got != "http://proxy.example.com:3128" {
		t.Errorf("the sidecar's proxy is %q", got)
	}
	if !slices.Contains(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: "pull"}) {
		t.Errorf("pull secrets are %v", pod.Spec.ImagePullSecrets)
	}
}

// The webhook's permissions are those that it needs, limited to named objects, in addition to those
// of every service account.
func TestWebhookPermissions(t *testing.T) {
	t.Parallel()
	everywhere := []authorizationv1.ResourceRule{
		{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{""}, Resources: []string{"serviceaccounts", "namespaces"}},
		{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}},
		{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{"admissionregistration.k8s.io"},
			Resources: []string{"mutatingwebhookconfigurations"}, ResourceNames: []string{originalWebhook}},
		{Verbs: []string{"get", "list", "watch", "patch"}, APIGroups: []string{"admissionregistration.k8s.io"},
			Resources: []string{"mutatingwebhookconfigurations"}, ResourceNames: []string{webhookName}},
	}
	own := append(slices.Clone(everywhere), authorizationv1.ResourceRule{
		Verbs: []string{"get", "list", "watch", "update"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{tlsSecret},
	}, authorizationv1.ResourceRule{Verbs: []string{"create"}, APIGroups: []string{""}, Resources: []string{"secrets"}})
	for namespace, want := range map[string][]authorizationv1.ResourceRule{
		metav1.NamespaceSystem: everywhere, metav1.NamespaceDefault: everywhere, framework.SystemNamespace: own,
	} {
		everybody := rulesOf(t, "default", namespace)
		var got []authorizationv1.ResourceRule
		for _, rule := range rulesOf(t, webhookName, namespace) {
			if !slices.ContainsFunc(everybody, func(r authorizationv1.ResourceRule) bool { return cmp.Equal(r, rule) }) {
				got = append(got, rule)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("permissions of the webhook in namespace %s (-want +got):\n%s", namespace, diff)
		}
	}
}

// rulesOf returns the permissions that a service account of the webhook's namespace has in a
// namespace.
func rulesOf(t *testing.T, account, namespace string) []authorizationv1.ResourceRule {
	t.Helper()
	config, err := testEnv.Cluster.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + framework.SystemNamespace + ":" + account}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	review, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(testContext(t), &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return review.Status.ResourceRules
}
