package bugreport

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// secrets are texts that no report may contain, with the parts that would give them away.
func secrets(t *testing.T) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	escaped, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Split(text, "\n")[1]
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	segment := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	signature := segment("a signature that must not be published")
	return map[string]string{
		text: body, string(escaped): body, text[:len(text)/2]: body[:20], encoded: encoded[40:60],
		segment(`{"alg":"RS256"}`) + "." + segment(`{"iss":"x"}`) + "." + signature: signature,
		"Authorization: Bearer opaque-token-0123456789":                             "opaque-token-0123456789",
		"https://user:proxypassword@proxy.example.com:3128":                         "proxypassword",
		`{"client_secret":"s3cr3t-value"}`:                                          "s3cr3t-value",
		"client_assertion=abc&password=hunter22&x=y":                                "hunter22",
		"https://example.com/?sig=abcdefghijklmnop":                                 "abcdefghijklmnop",
	}
}

func TestScrub(t *testing.T) {
	for text, part := range secrets(t) {
		got := string(Scrub([]byte("before " + text + " after")))
		if strings.Contains(got, part) || !strings.HasPrefix(got, "before ") {
			t.Errorf("%.40q becomes %q", text, got)
		}
	}
	for _, harmless := range []string{
		`service-account token /var/run/secrets/token: the file is empty`,
		`--token-audience=api://AzureADTokenExchange`,
		"https://examplevault.vault.azure.net/secrets/shop-tls",
		"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
		"AADSTS700213: subject system:serviceaccount:shop:web",
	} {
		if got := string(Scrub([]byte(harmless))); got != harmless {
			t.Errorf("%q becomes %q", harmless, got)
		}
	}
}

// Secrets in every field of a pod and a deployment that a tenant can fill do not get into a report.
func TestNothingSecretInArchive(t *testing.T) {
	all := secrets(t)
	var b bytes.Buffer
	a := newArchive(&b, time.Unix(0, 0))
	plain := "plain-variable-value"
	for text := range all {
		pod := hostile(text, plain)
		a.addYAML("pod.yaml", stripPod(pod))
		a.addYAML("deployment.yaml", stripDeployment(&appsv1.Deployment{
			ObjectMeta: pod.ObjectMeta, Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}},
		}))
		a.addJSON("status.json", map[string]string{"message": text})
		a.add("log.txt", []byte(text))
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	content := extract(t, &b)
	for text, part := range all {
		if strings.Contains(content, part) {
			t.Errorf("a part of %.40q is in the archive", text)
		}
	}
	if strings.Contains(content, plain) {
		t.Error("the value of a variable is in the archive")
	}
	if !strings.Contains(content, "00001111-aaaa-2222-bbbb-3333cccc4444") {
		t.Error("the client ID, which is not secret, is missing")
	}
}

// hostile returns a pod with a text in many places.
func hostile(text, plain string) *corev1.Pod {
	container := func(name string) corev1.Container {
		return corev1.Container{
			Name: name, Command: []string{plain}, Args: []string{"--sidecar-env=X=" + text}, Env: []corev1.EnvVar{
				{Name: "PASSWORD", Value: plain}, {Name: "ANY", Value: text}, {Name: contract.EnvMetadataHeader, Value: plain},
				{Name: contract.EnvSettings, Value: text}, {Name: contract.EnvClientID, Value: "00001111-aaaa-2222-bbbb-3333cccc4444"},
			},
			LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{plain}}}},
		}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", Annotations: map[string]string{
			"kubectl.kubernetes.io/last-applied-configuration": plain, contract.Prefix + contract.KeySettings: text, "evil-azure.workload.identity/x": plain,
		}},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{container(contract.ContainerName)}, Containers: []corev1.Container{container("web")},
			Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{VolumeAttributes: map[string]string{"k": plain}}}}},
		},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{Name: "web", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: plain}}},
			{Name: contract.ContainerName, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: text}}},
		}},
	}
}

func extract(t *testing.T, r io.Reader) string {
	t.Helper()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for files := tar.NewReader(z); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return all.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s\n%s\n", header.Name, content)
	}
}
