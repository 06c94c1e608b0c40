package e2e

import (
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// If Azure refuses a request, the pod's owner finds the reason in the usual places, and the app's
// containers wait. When the cause is corrected, the pod starts by itself.
func TestReasonsAndRecovery(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, app framework.App)
		want  func(app framework.App) []string
		fix   func(t *testing.T, app framework.App)
	}{
		{
			name: "no-certificate",
			spoil: func(t *testing.T, app framework.App) {
				_, err := testEnv.Azure.CreateSecret(testContext(t), azure.Secret{Vault: framework.Vault, Name: app.Name, Value: "a password"})
				if err != nil {
					t.Fatal(err)
				}
			},
			want: func(app framework.App) []string {
				return []string{"example-vault." + app.Name, "the secret is not a certificate"}
			},
			fix: func(t *testing.T, app framework.App) { createCertificate(t, azure.Certificate{Name: app.Name}) },
		},
		{
			name: "refused-token",
			spoil: func(t *testing.T, app framework.App) {
				createCertificate(t, azure.Certificate{Name: app.Name})
				apply(t, azure.Config{Applications: []azure.Application{{ClientID: app.ClientID, Tenant: framework.TenantID}}})
			},
			want: func(app framework.App) []string {
				return []string{"AADSTS70021", "system:serviceaccount:" + app.Namespace + ":" + app.Name, contract.DefaultTokenAudience}
			},
			fix: func(t *testing.T, app framework.App) {
				if _, err := testEnv.NewIdentity(testContext(t), app.Namespace, app.Name); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "forbidden",
			spoil: func(t *testing.T, app framework.App) {
				createCertificate(t, azure.Certificate{Name: app.Name})
				if err := testEnv.Azure.Revoke(testContext(t), azure.Grant{Vault: framework.Vault, ClientID: app.ClientID}); err != nil {
					t.Fatal(err)
				}
			},
			want: func(app framework.App) []string { return []string{"Key Vault Secrets User", app.ClientID, app.Name} },
			fix: func(t *testing.T, app framework.App) {
				apply(t, azure.Config{Grants: []azure.Grant{{Vault: framework.Vault, ClientID: app.ClientID}}})
			},
		},
		{
			name:  "not-found",
			spoil: func(*testing.T, framework.App) {},
			want:  func(app framework.App) []string { return []string{secretURL(app.Name), "SecretNotFound"} },
			fix:   func(t *testing.T, app framework.App) { createCertificate(t, azure.Certificate{Name: app.Name}) },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, test.name)
			test.spoil(t, app)
			deploy(t, app)
			pod := awaitPod(t, app, waits)
			wantReason(t, app, pod, test.want(app)...)
			test.fix(t, app)
			ready := awaitPod(t, app, framework.Ready)
			if ready.UID != pod.UID {
				t.Errorf("pod %s is ready, but pod %s waited", ready.Name, pod.Name)
			}
			for _, c := range ready.Status.InitContainerStatuses {
				if c.RestartCount != 0 {
					t.Errorf("container %s was restarted %d times", c.Name, c.RestartCount)
				}
			}
		})
	}
}

func apply(t *testing.T, c azure.Config) {
	t.Helper()
	if err := testEnv.Azure.Apply(testContext(t), c); err != nil {
		t.Fatal(err)
	}
}
