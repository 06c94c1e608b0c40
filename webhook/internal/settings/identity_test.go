package settings_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

const (
	clientID = "00001111-aaaa-2222-bbbb-3333cccc4444"
	tenantID = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
	other    = "99998888-aaaa-2222-bbbb-777766665555"

	identityPrefix = "azure.workload.identity/"
	expiration     = identityPrefix + "service-account-token-expiration"
)

func TestResolveIdentity(t *testing.T) {
	type annotations = map[string]string
	for _, test := range []struct {
		name         string
		pod, account annotations
		suffix       string
		want         settings.Identity
		warnings     []string // a part of each
	}{
		{
			name:    "defaults",
			account: annotations{identityPrefix + "client-id": clientID},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 3600},
		},
		{
			name:    "tenant of the service account, with spaces around the client ID",
			account: annotations{identityPrefix + "client-id": " " + clientID + "\n", identityPrefix + "tenant-id": other},
			want:    settings.Identity{ClientID: clientID, TenantID: other, Expiration: 3600},
		},
		{
			name:    "expiration of the service account",
			account: annotations{identityPrefix + "client-id": clientID, expiration: "86400"},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 86400},
		},
		{
			name:    "expiration of the pod wins, even over an invalid one",
			pod:     annotations{expiration: "4000"},
			account: annotations{identityPrefix + "client-id": clientID, expiration: "x"},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 4000},
		},
		{
			name:    "skipped containers",
			pod:     annotations{identityPrefix + "skip-containers": " a; b ;;c;"},
			account: annotations{identityPrefix + "client-id": clientID},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 3600, SkipContainers: []string{"a", "b", "c"}},
		},
		{
			name:    "metadata endpoint: any value except false",
			pod:     annotations{identityPrefix + "inject-proxy-sidecar": ""},
			account: annotations{identityPrefix + "client-id": clientID},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 3600, Endpoint: &settings.Endpoint{Port: 8000, Address: true}},
		},
		{
			name:    "metadata endpoint on another port",
			pod:     annotations{identityPrefix + "inject-proxy-sidecar": "true", identityPrefix + "proxy-sidecar-port": " 8081 "},
			account: annotations{identityPrefix + "client-id": clientID},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 3600, Endpoint: &settings.Endpoint{Port: 8081, Address: true}},
		},
		{
			name:    "port of the metadata endpoint without the endpoint",
			pod:     annotations{identityPrefix + "proxy-sidecar-port": "x"},
			account: annotations{identityPrefix + "client-id": clientID},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 3600},
		},
		{
			name:    "metadata endpoint: false",
			pod:     annotations{identityPrefix + "inject-proxy-sidecar": "false"},
			account: annotations{identityPrefix + "client-id": clientID},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 3600},
		},
		{
			name: "custom token endpoint", suffix: "binding",
			pod:     annotations{identityPrefix + "use-binding": "True"},
			account: annotations{identityPrefix + "client-id": clientID},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 3600, CustomTokenEndpoint: true},
		},
		{
			name:    "custom token endpoint that is not configured",
			pod:     annotations{identityPrefix + "use-binding": "true"},
			account: annotations{identityPrefix + "client-id": clientID},
			want:    settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 3600},
		},
		{
			name:     "no client ID",
			want:     settings.Identity{TenantID: tenantID, Expiration: 3600},
			warnings: []string{"kubectl annotate serviceaccount web --namespace shop --overwrite " + identityPrefix + "client-id="},
		},
		{
			name:     "client ID that is not a GUID",
			account:  annotations{identityPrefix + "client-id": "my-app"},
			want:     settings.Identity{ClientID: "my-app", TenantID: tenantID, Expiration: 3600},
			warnings: []string{`"my-app" is not a GUID`},
		},
		{
			name:     "client ID on the pod",
			pod:      annotations{identityPrefix + "client-id": clientID},
			account:  annotations{identityPrefix + "client-id": clientID},
			want:     settings.Identity{ClientID: clientID, TenantID: tenantID, Expiration: 3600},
			warnings: []string{"on the pod has no effect: it belongs on service account shop/web"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := settings.ResolveIdentity(settings.IdentityInput{
				Pod: test.pod, ServiceAccount: test.account, Namespace: "shop", ServiceAccountName: "web",
				DefaultTenantID: tenantID, TokenEndpointSuffix: test.suffix,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got, cmpopts.IgnoreFields(settings.Identity{}, "Warnings")); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
			if len(got.Warnings) != len(test.warnings) {
				t.Fatalf("got the warnings %q, want %d", got.Warnings, len(test.warnings))
			}
			for i, w := range test.warnings {
				if !strings.Contains(got.Warnings[i], w) {
					t.Errorf("got the warning %q, want it to contain %q", got.Warnings[i], w)
				}
			}
		})
	}
}

func TestResolveIdentityNoTenant(t *testing.T) {
	got, err := settings.ResolveIdentity(settings.IdentityInput{ServiceAccount: map[string]string{identityPrefix + "client-id": clientID}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "tenant-id") {
		t.Errorf("got the warnings %q, want one about tenant-id", got.Warnings)
	}
}

func TestVaultWarning(t *testing.T) {
	const tenantKey = identityPrefix + "tenant-id"
	for _, test := range []struct{ account, webhook, want string }{
		{account: tenantID, webhook: "contoso.com"},
		{account: "", webhook: ""},
		{account: "contoso.com", webhook: tenantID, want: "annotation " + tenantKey + ` on service account shop/web: "contoso.com" is not a GUID: `},
		{account: "", webhook: "contoso.com", want: `the webhook's default tenant: "contoso.com" is not a GUID: `},
	} {
		got, err := settings.ResolveIdentity(settings.IdentityInput{
			ServiceAccount: map[string]string{tenantKey: test.account}, Namespace: "shop", ServiceAccountName: "web", DefaultTenantID: test.webhook,
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got.VaultWarning, test.want) || (got.VaultWarning == "") != (test.want == "") {
			t.Errorf("%+v: got the warning %q", test, got.VaultWarning)
		}
	}
}

func TestResolveIdentityExpirationRefused(t *testing.T) {
	for _, text := range []string{"3599", "86401", "-1", "1h", "3600.0", "9999999999999999999999"} {
		for level, in := range map[settings.Level]settings.IdentityInput{
			settings.Pod:            {Pod: map[string]string{expiration: text}, ServiceAccount: map[string]string{expiration: "3600"}},
			settings.ServiceAccount: {ServiceAccount: map[string]string{expiration: text}},
		} {
			_, err := settings.ResolveIdentity(in)
			var e *settings.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s on %v: got an error of type %T: %v", text, level, err, err)
			}
			if e.Annotation != expiration || e.Level != level || e.Value != text || !strings.Contains(e.Reason, "3600 to 86400") {
				t.Errorf("%s on %v: got %v", text, level, e)
			}
		}
	}
}

func TestResolveIdentityProxyPortRefused(t *testing.T) {
	const key = identityPrefix + "proxy-sidecar-port"
	for _, text := range []string{"0", "65536", "-1", "http", "80.5"} {
		_, err := settings.ResolveIdentity(settings.IdentityInput{
			Pod: map[string]string{identityPrefix + "inject-proxy-sidecar": "true", key: text},
		})
		var e *settings.Error
		if !errors.As(err, &e) || e.Annotation != key || e.Value != text || !strings.Contains(e.Reason, "1 to 65535") {
			t.Errorf("%s: got an error of type %T: %v", text, err, err)
		}
	}
}

// TestEndpointByPodSecurity checks that only the level "privileged", or no level, gives the pod the
// address of the instance metadata service: the init container for it needs NET_ADMIN.
func TestEndpointByPodSecurity(t *testing.T) {
	for level, address := range map[string]bool{"": true, "privileged": true, "baseline": false, "restricted": false, "Privileged": false} {
		id, err := settings.ResolveIdentity(settings.IdentityInput{
			Pod: map[string]string{identityPrefix + "inject-proxy-sidecar": "true"}, PodSecurity: level,
		})
		if err != nil {
			t.Fatal(err)
		}
		if id.Endpoint.Address != address {
			t.Errorf("level %q: got Address %t, want %t", level, id.Endpoint.Address, address)
		}
	}
}
