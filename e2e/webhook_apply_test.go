package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// Helm 4 applies on the server, where the fields of an object have owners. AKS's admissions
// enforcer finds nothing to change, and no upgrade conflicts with it or with the webhook.
//
// This test changes the whole cluster, so it does not run in parallel with others.
func TestHelmServerSide(t *testing.T) {
	pod := identified(t, "server-side")
	restoreChart(t)
	uninstall(t)
	if err := testEnv.InstallChart(testContext(t)); err != nil {
		t.Fatal(err)
	}
	onlyWebhookOwnsBundle(t)
	bundle := awaitBundle(t)
	values := testEnv.Values()
	whileAdmitting(t, pod, func() {
		enforceAdmissions(t)
		values["webhook"].(map[string]any)["excludedNamespaces"] = []string{"kube-node-lease"}
		upgrade(t, testEnv.Cluster.Helm, values)

		// An enforcer that applies what it finds becomes a second owner, of the same value.
		enforceAdmissions(t)
		ownSelector(t, configuration(t).Webhooks[0].NamespaceSelector)
		values["commonLabels"] = map[string]string{"team": "a"}
		values["webhook"].(map[string]any)["annotations"] = map[string]string{"admissions.enforcer/disabled": "true"}
		upgrade(t, testEnv.Cluster.Helm, values)
		ownSelector(t, nil)

		// The webhook creates a deleted Secret again, but does not own its labels.
		err := testEnv.Client.CoreV1().Secrets(framework.SystemNamespace).Delete(testContext(t), tlsSecret, metav1.DeleteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		awaitSecret(t)
		values["commonLabels"] = map[string]string{"team": "b"}
		upgrade(t, testEnv.Cluster.Helm, values)
	})
	c := configuration(t)
	if c.Annotations["admissions.enforcer/disabled"] != "true" || c.Labels["team"] != "b" || readSecret(t).Labels["team"] != "b" {
		t.Errorf("the configuration has annotations %v and labels %v, the Secret has labels %v", c.Annotations, c.Labels, readSecret(t).Labels)
	}
	if !bytes.Equal(bundle, c.Webhooks[0].ClientConfig.CABundle) {
		t.Error("the caBundle has changed")
	}
	onlyWebhookOwnsBundle(t)
}

// Rendered manifests can be applied on the server again and again, as Argo CD, Flux and kubectl do.
func TestManifestsServerSide(t *testing.T) {
	pod := identified(t, "manifests")
	restoreChart(t)
	uninstall(t)
	values := testEnv.Values()
	apply := func() string {
		text, err := yaml.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		manifests, err := testEnv.Manifests(testContext(t), testEnv.Cluster.Helm, string(text), "--skip-tests")
		if err != nil {
			t.Fatal(err)
		}
		kubectlOn(t, manifests, "apply", "--server-side", "--field-manager=argocd-controller", "--validate=strict")
		rolledOut(t)
		return manifests
	}
	apply()
	settles(t, "pods are accepted", func() bool { return accepted(t, pod) == nil })
	enforceAdmissions(t)
	whileAdmitting(t, pod, func() {
		apply()
		values["webhook"].(map[string]any)["excludedNamespaces"] = []string{"kube-node-lease"}
		values["identity"].(map[string]any)["tenantId"] = otherTenant
		apply()
		gone(t)
	})
	onlyWebhookOwnsBundle(t)
	kubectlOn(t, apply(), "delete")
}

// The plain manifests in deploy/ are valid.
func TestPlainManifests(t *testing.T) {
	t.Parallel()
	// The name of Helm's field manager, because Helm owns the fields that differ.
	if _, err := testEnv.Cluster.Kubectl(testContext(t), "apply", "--server-side", "--field-manager=helm", "--dry-run=server",
		"--validate=strict", "--filename", "../deploy/azure-cert-sync.yaml"); err != nil {
		t.Error(err)
	}
}

// restoreChart installs the chart with the values of the other tests when the test ends.
func restoreChart(t *testing.T) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := testEnv.InstallChart(ctx); err != nil {
			t.Error(err)
		}
	})
}

func configuration(t *testing.T) *admissionregistrationv1.MutatingWebhookConfiguration {
	t.Helper()
	c, err := testEnv.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(testContext(t), webhookName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enforcer is the field manager of AKS's admissions enforcer.
const enforcer = "admissionsenforcer"

// enforceAdmissions does what AKS's admissions enforcer does: it adds the expressions that keep
// webhooks away from AKS's own namespaces, where they are missing. It fails the test if it has to.
//
// Source: https://learn.microsoft.com/azure/aks/faq#can-admission-controller-webhooks-impact-kube-system-and-internal-aks-namespaces
func enforceAdmissions(t *testing.T) {
	t.Helper()
	c := configuration(t)
	selector := c.Webhooks[0].NamespaceSelector
	for _, wanted := range []metav1.LabelSelectorRequirement{
		{Key: "control-plane", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"true"}},
		{Key: "kubernetes.azure.com/managedby", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"aks"}},
	} {
		if !slices.ContainsFunc(selector.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool { return cmp.Equal(e, wanted) }) {
			t.Errorf("AKS would add %v", wanted)
			selector.MatchExpressions = append(selector.MatchExpressions, wanted)
		}
	}
	_, err := testEnv.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Update(testContext(t), c, metav1.UpdateOptions{FieldManager: enforcer})
	if err != nil {
		t.Fatal(err)
	}
}

// ownSelector applies a selector on the server as the enforcer. If it is nil, the enforcer does not
// own it any more.
func ownSelector(t *testing.T, selector *metav1.LabelSelector) {
	t.Helper()
	applied := map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": map[string]string{"name": webhookName},
	}
	if selector != nil {
		applied["webhooks"] = []any{map[string]any{"name": configuration(t).Webhooks[0].Name, "namespaceSelector": selector}}
	}
	patch, err := json.Marshal(applied)
	if err != nil {
		t.Fatal(err)
	}
	_, err = testEnv.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Patch(testContext(t), webhookName,
		types.ApplyPatchType, patch, metav1.PatchOptions{FieldManager: enforcer})
	if err != nil {
		t.Fatal(err)
	}
}

// onlyWebhookOwnsBundle asserts that a tool that applies the configuration does not own the
// caBundle.
func onlyWebhookOwnsBundle(t *testing.T) {
	t.Helper()
	var owners []string
	for _, m := range configuration(t).ManagedFields {
		if strings.Contains(m.FieldsV1.String(), `"f:caBundle"`) {
			owners = append(owners, m.Manager)
		}
	}
	if !slices.Equal(owners, []string{webhookName}) {
		t.Errorf("the caBundle has the owners %q, want only %s", owners, webhookName)
	}
}

// kubectlOn runs a command of kubectl on manifests.
func kubectlOn(t *testing.T, manifests string, args ...string) {
	t.Helper()
	cmd := testEnv.Cluster.Command(testContext(t), "kubectl", append(args, "--filename=-")...)
	cmd.Stdin = strings.NewReader(manifests)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl %q: %v: %s", args, err, out)
	}
}
