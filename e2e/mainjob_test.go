package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/testapp/report"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Certificates of every key type and encoding of Key Vault arrive, are served, and are renewed
// without a restart.
func TestArrivesServedRenewed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		certificate azure.Certificate
		sent        int // certificates in the handshake
	}{
		{"ec-pkcs12", azure.Certificate{Key: azure.ECP256, Chain: 3}, 3},
		{"rsa-pem", azure.Certificate{Key: azure.RSA2048, Chain: 4, Encoding: azure.PEMEncoded}, 4},
		{"rsa-3des", azure.Certificate{Key: azure.RSA2048, Chain: 2, Encoding: azure.PKCS12DES, OmitRoot: true}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			app := newApp(t, test.name)
			dnsName := test.name + ".example.com"
			test.certificate.Name, test.certificate.DNSNames = test.name, []string{dnsName}
			first := createCertificate(t, test.certificate)
			deploy(t, app)
			pod := awaitPod(t, app, framework.Ready)
			watcher, err := testEnv.Watch(ctx, app.Namespace, app.Name, dnsName)
			if err != nil {
				t.Fatal(err)
			}
			line, err := watcher.Serial(ctx, first.Serial)
			if err != nil {
				t.Fatal(err)
			}
			if line.Chain != test.sent {
				t.Errorf("%d certificates were sent, want %d", line.Chain, test.sent)
			}
			renewed, err := testEnv.Azure.Renew(ctx, azure.Renewal{Vault: framework.Vault, Name: test.name})
			if err != nil {
				t.Fatal(err)
			}
			if line, err = watcher.Serial(ctx, renewed.Serial); err != nil {
				t.Fatal(err)
			}
			if line.Failures != 0 {
				t.Errorf("%d of %d handshakes failed", line.Failures, line.Handshakes)
			}
			same := awaitPod(t, app, framework.Ready)
			if same.UID != pod.UID || framework.ContainerStatus(same, "server").RestartCount != 0 {
				t.Errorf("pod %s served first, then %s with %d restarts", pod.Name, same.Name, framework.ContainerStatus(same, "server").RestartCount)
			}
		})
	}
}

// A pod that has its certificates stays in service when the vault is unreachable and the sidecar is
// killed.
func TestSurvivesVaultAndSidecar(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	app := newApp(t, "survivor")
	version := createCertificate(t, azure.Certificate{Name: app.Name, DNSNames: []string{"survivor.example.com"}})
	deploy(t, app)
	pod := awaitPod(t, app, framework.Ready)
	watcher, err := testEnv.Watch(ctx, app.Namespace, app.Name, "survivor.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watcher.Serial(ctx, version.Serial); err != nil {
		t.Fatal(err)
	}
	// Cuts off only this certificate, because other tests use the vault.
	fault, err := testEnv.Azure.InjectFault(ctx, azure.Fault{Host: framework.Vault, PathPrefix: "/secrets/" + app.Name, Close: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = testEnv.Azure.ClearFaults(t.Context(), fault) }()
	if err := testEnv.KillContainer(ctx, pod, contract.ContainerName); err != nil {
		t.Fatal(err)
	}
	awaitPod(t, app, func(p *corev1.Pod) bool {
		status := framework.ContainerStatus(p, contract.ContainerName)
		return p.UID == pod.UID && status != nil && status.RestartCount == 1 && framework.Ready(p)
	})
	seen := watcher.Last().Handshakes
	line, err := watcher.Await(ctx, func(l report.Line) bool { return l.Handshakes > seen+20 })
	if err != nil {
		t.Fatal(err)
	}
	if line.Failures != 0 || line.Serial != version.Serial {
		t.Errorf("%d of %d handshakes failed, serial %s is served, want %s", line.Failures, line.Handshakes, line.Serial, version.Serial)
	}
}
