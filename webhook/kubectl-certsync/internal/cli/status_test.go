package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
)

// sidecars responds for pods by name, in place of real containers.
type sidecars map[string]func() ([]byte, error)

func (s sidecars) Exec(_ context.Context, pod *corev1.Pod, _ string, _ ...string) ([]byte, error) {
	return s[pod.Name]()
}

func running(name string) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       corev1.PodSpec{NodeName: "node-1", InitContainers: []corev1.Container{{Name: contract.ContainerName}}},
		Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{
			{Name: contract.ContainerName, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}},
	}
}

func TestStatusTable(t *testing.T) {
	at := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	report := contract.Status{SidecarVersion: "0.2.0", State: "error", Certificates: []contract.CertificateStatus{
		{URL: "https://v.vault.azure.net/secrets/web", Path: "/store/v.web", State: "success", Version: "dbd9", NotAfter: &at, LastSuccess: &at},
		{URL: "https://v.vault.azure.net/secrets/api", Path: "/store/v.api", State: "error", Failure: &contract.Failure{
			Reason: contract.ReasonNotFound, Message: "does not\nexist",
		}},
	}}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	executor := sidecars{
		"b-good":  func() ([]byte, error) { return text, nil },
		"a-older": func() ([]byte, error) { return nil, &cluster.ExitError{Code: 2, Stderr: "unknown argument"} },
		"c-stuck": func() ([]byte, error) {
			return nil, &cluster.ExitError{Code: 1, Stderr: "certsync: certsync does not respond\n"}
		},
		"d-failing": func() ([]byte, error) { return nil, errors.New("no route to host") },
		"e-garbage": func() ([]byte, error) { return []byte("hello"), nil },
	}
	var pods []corev1.Pod
	for _, name := range []string{"e-garbage", "d-failing", "c-stuck", "b-good", "a-older"} {
		pods = append(pods, running(name))
	}
	finished := running("finished")
	finished.Status.Phase = corev1.PodSucceeded
	pods = append(pods, finished, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "without"}})
	var out bytes.Buffer
	if err := table(&out, statusRows(fleet.Collect(t.Context(), executor, pods), false, false)); err != nil {
		t.Fatal(err)
	}
	const want = `POD         CERTIFICATE   VERSION   EXPIRES                STATE     SIDECAR   REASON
a-older     -             -         -                      unknown   -         the sidecar is older than this plugin and does not have the command: recreate the pod to update it
b-good      v.web         dbd9      2026-12-24T12:00:00Z   success   0.2.0     -
b-good      v.api         -         -                      error     0.2.0     not_found: does not exist
c-stuck     -             -         -                      unknown   -         certsync does not respond
d-failing   -             -         -                      unknown   -         no route to host
e-garbage   -             -         -                      unknown   -         the sidecar's status is not JSON: invalid character 'h' looking for beginning of value
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestInspectNames(t *testing.T) {
	s := &contract.Status{Certificates: []contract.CertificateStatus{
		{URL: "https://v.vault.azure.net/secrets/web", Path: "/store/v.web", Version: "1", Warnings: []string{"no PEM file"}},
		{URL: "https://v.vault.azure.net/secrets/api", Path: "/store/v.api"},
	}}
	for name, want := range map[string]int{
		"web": 1, "v.web": 1, "/store/v.web": 1, "https://v.vault.azure.net/secrets/web": 1, "other": 0,
	} {
		list, err := inspectAll(s, []string{name})
		if len(list) != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d certificates, error %v", name, len(list), err)
		}
	}
	all, err := inspectAll(s, nil)
	if err != nil || len(all) != 2 || all[0].Problem != "no PEM file" || all[1].Problem != "not in the store yet" {
		t.Errorf("all: %+v, %v", all, err)
	}
	s.Certificates[0].Chain = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"
	if _, err := inspectAll(s, nil); err == nil {
		t.Error("a private key is accepted as a chain")
	}
}
