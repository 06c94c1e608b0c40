package doctor

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

var update = flag.Bool("update", false, "write the golden file")

const (
	clientID = "00001111-aaaa-2222-bbbb-3333cccc4444"
	secret   = "https://examplevault.vault.azure.net/secrets/web"
)

// healthy returns the facts of a pod without a fault.
func healthy() *Facts {
	controller := true
	return &Facts{
		Pod: &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "web-6d4b75cb6d-hwxzk",
				Labels:      map[string]string{contract.LabelUse: "true", "pod-template-hash": "6d4b75cb6d"},
				Annotations: map[string]string{contract.Prefix + contract.KeyCertificates: secret, contract.Prefix + contract.KeySettingsSource: "pod: certificates"},
				OwnerReferences: []metav1.OwnerReference{
					{Kind: "ReplicaSet", Name: "web-6d4b75cb6d", Controller: &controller},
				},
			},
			Spec: corev1.PodSpec{
				ServiceAccountName: "web",
				InitContainers: []corev1.Container{{Name: contract.ContainerName, Env: []corev1.EnvVar{
					{Name: contract.EnvClientID, Value: clientID}, {Name: contract.EnvAuthorityHost, Value: "https://login.microsoftonline.com/"},
				}}},
				Volumes: []corev1.Volume{{Name: contract.TokenVolumeName, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
					Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: contract.DefaultTokenAudience}}},
				}}}},
			},
		},
		Account:   &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{contract.AnnotationClientID: clientID}}},
		Namespace: map[string]string{"kubernetes.io/metadata.name": "shop"},
		Installation: &install.Installation{
			Configuration: &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "azure-cert-sync-webhook"}},
			Webhook:       &admissionregistrationv1.MutatingWebhook{},
		},
		Issuer: "https://oidc.example.com/cluster/",
		Status: fleet.Pod{Status: &contract.Status{
			State: "success", Reason: "1 certificate in the store",
			Certificates: []contract.CertificateStatus{{URL: secret, State: "success", Version: "1", LastSuccess: &time.Time{}}},
		}},
	}
}

func (f *Facts) fail(failure contract.Failure) {
	s := f.Status.Status
	s.State, s.Reason = "transitioning", "1 certificate missing"
	s.Certificates[0] = contract.CertificateStatus{URL: secret, State: "error", Failure: &failure}
}

// uninjected removes what the webhook added.
func (f *Facts) uninjected() {
	f.Pod.Spec.InitContainers, f.Pod.Spec.Volumes = nil, nil
	f.Status = fleet.Pod{Unreachable: "the pod does not have a sidecar"}
}

var cases = []struct {
	name   string
	damage func(*Facts)
}{
	{"nothing is wrong", func(*Facts) {}},
	{"no label", func(f *Facts) { f.Pod.Labels = nil }},
	{"no request", func(f *Facts) { f.uninjected(); f.Pod.Annotations, f.Annotations = nil, map[string]string{} }},
	{"left out", func(f *Facts) {
		f.uninjected()
		f.Installation.Webhook.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"certificates": "yes"}}
	}},
	{"older than the webhook", func(f *Facts) {
		f.uninjected()
		f.Installation.Configuration.CreationTimestamp = metav1.NewTime(time.Unix(1, 0))
	}},
	{"a Windows pod", func(f *Facts) { f.uninjected(); f.Pod.Spec.OS = &corev1.PodOS{Name: corev1.Windows} }},
	{"switched off", func(f *Facts) {
		f.uninjected()
		f.Account.Annotations[contract.Prefix+contract.KeyInject] = "false"
	}},
	{"denied now", func(f *Facts) { f.uninjected(); f.Pod.Annotations[contract.Prefix+contract.KeyPort] = "none" }},
	{"missed by the webhook", func(f *Facts) { f.uninjected() }},
	{"no service account", func(f *Facts) { f.Account = nil }},
	{"no client ID", func(f *Facts) { f.Account.Annotations = nil }},
	{"client ID is a name", func(f *Facts) { f.Account.Annotations[contract.AnnotationClientID] = "web-identity" }},
	{"client ID changed", func(f *Facts) {
		f.Account.Annotations[contract.AnnotationClientID] = "99991111-aaaa-2222-bbbb-3333cccc4444"
	}},
	{"not running", func(f *Facts) { f.Status = fleet.Pod{Unreachable: "the sidecar waits: ImagePullBackOff"} }},
	{"no token file", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonNoTokenFile, Message: "service-account token /token: the file is empty"})
	}},
	{"no federated credential", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonNoToken, Code: "AADSTS700213", Message: "Entra ID did not issue a token (AADSTS700213)"})
	}},
	{"no federated credential, issuer unknown", func(f *Facts) {
		f.Issuer = ""
		f.fail(contract.Failure{Reason: contract.ReasonNoToken, Code: "AADSTS700211", Message: "Entra ID did not issue a token (AADSTS700211)"})
	}},
	{"no federated credential, the claims are known", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonNoToken, Code: "AADSTS700212", Message: "Entra ID did not issue a token (AADSTS700212)",
			ClientID: "99991111-aaaa-2222-bbbb-3333cccc4444",
			Token:    &contract.TokenClaims{Issuer: "https://issuer.example/", Subject: "system:serviceaccount:shop:web", Audience: "api://other"}})
	}},
	{"not allowed to query", func(f *Facts) {
		f.Status = fleet.Pod{Unreachable: "you are not allowed to run commands in pods", Denied: true}
	}},
	{"unknown application", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonNoToken, Code: "AADSTS700016", Message: "Entra ID did not issue a token (AADSTS700016)"})
	}},
	{"Entra ID unreachable", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonUnreachable, Host: "login.microsoftonline.com", Message: "no response from login.microsoftonline.com"})
	}},
	{"vault unreachable", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonUnreachable, Host: "examplevault.vault.azure.net", Message: "no response from examplevault.vault.azure.net"})
	}},
	{"no role", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonForbidden, Code: "ForbiddenByRbac", Message: "not allowed to read"})
	}},
	{"firewall", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonForbidden, Code: "ForbiddenByFirewall", Message: "the vault's firewall blocks"})
	}},
	{"no certificate", func(f *Facts) { f.fail(contract.Failure{Reason: contract.ReasonNotFound, Message: "does not exist"}) }},
	{"disabled", func(f *Facts) { f.fail(contract.Failure{Reason: contract.ReasonDisabled, Message: "is disabled"}) }},
	{"not a certificate", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonInvalid, Message: "the value is not a certificate"})
	}},
	{"store", func(f *Facts) {
		f.fail(contract.Failure{Reason: contract.ReasonStore, Message: "no space left on device"})
	}},
	{"still fetching", func(f *Facts) {
		f.Status.Status.Certificates[0] = contract.CertificateStatus{URL: secret, State: "transitioning"}
	}},
	{"managed identity without a client ID", func(f *Facts) {
		f.Account.Annotations = nil
		c := &f.Pod.Spec.InitContainers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: contract.EnvSettings, Value: `{"secretsManagementSettings":{},"authenticationSettings":{"credential":"managed-identity"}}`})
	}},
}

// The golden file has the links and the fix of every case.
func TestDiagnose(t *testing.T) {
	var b strings.Builder
	for _, c := range cases {
		f := healthy()
		c.damage(f)
		fmt.Fprintf(&b, "== %s\n", c.name)
		links := Diagnose(f)
		for _, l := range links {
			fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%-8s %-16s %s", l.State, l.Name, l.Message), " "))
		}
		if broken := FirstBroken(links); broken != nil && broken.Fix != "" {
			fmt.Fprintf(&b, "fix: %s\n", broken.Fix)
		}
	}
	const golden = "testdata/diagnose.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("diagnoses (-want +got):\n%s", diff)
	}
}
