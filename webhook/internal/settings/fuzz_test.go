package settings_test

import (
	"slices"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// FuzzResolve checks that the same annotations give the same result twice, and that the sidecar
// accepts what admission accepts.
func FuzzResolve(f *testing.F) {
	document := `{"secretsManagementSettings":{"aclEnabled":true,"observedCertificates":[{"url":"` + secretURL + `a","acls":[{"user":"7"}]}]}}`
	f.Add(0, secretURL+"a", "", "", "", "polling-interval", "1h")
	f.Add(1, "", document, "", "", "file-mode", "0640")
	f.Add(2, secretURL+"b", "", "certs", document, "keystore-password-secret", "x/y")
	f.Add(3, "", document, "certs", document, "inject", "false")
	f.Add(16, "", "", "", "", "port", "9100")
	f.Add(18, secretURL+"b", "", "", "", "inject", "false")
	f.Fuzz(func(t *testing.T, level int, certificates, text, configMap, content, key, value string) {
		group := map[string]string{
			contract.KeyCertificates: certificates, contract.KeySettings: text, contract.KeySettingsConfigMap: configMap,
		}
		var in input
		levels := []*map[string]string{&in.Pod, &in.ServiceAccount, &in.Namespace, &in.Chart}
		*levels[uint(level)%4] = group
		*levels[uint(level)/4%4] = map[string]string{key: value}
		if content != "" {
			in.ConfigMap = &settings.ConfigMap{Data: map[string]string{"settings.json": content}}
		}
		sources, options := in.sources(), settings.Options{ConfigMap: in.ConfigMap, Endpoint: uint(level)/16%2 == 1}
		r, err := settings.Resolve(sources, options)
		again, errAgain := settings.Resolve(sources, options)
		if err != nil {
			if errAgain == nil || err.Error() != errAgain.Error() {
				t.Fatalf("got %v, then %v", err, errAgain)
			}
			return
		}
		if errAgain != nil || !slices.Equal(r.Warnings, again.Warnings) {
			t.Fatalf("got the warnings %q, then %q, %v", r.Warnings, again.Warnings, errAgain)
		}
		if r.Config != nil {
			checkAccepted(t, r, content)
		}
	})
}

// checkAccepted processes the variable and the content of the ConfigMap as the sidecar does.
func checkAccepted(t *testing.T, r *settings.Resolved, content string) {
	t.Helper()
	for _, placement := range []settings.Placement{
		{}, {Readers: []string{contract.ReadersEveryone}, Port: 9999}, {Readers: []string{"1", "2"}},
	} {
		variable, hash, err := r.Encode(placement)
		if err != nil {
			t.Fatal(err)
		}
		over, err := contract.Parse([]byte(variable))
		if err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
		var base *contract.Settings
		if r.ConfigMap != "" {
			if base, err = contract.Parse([]byte(content)); err != nil {
				return // admission did not read the ConfigMap
			}
		}
		all := contract.Overlay(base, over)
		encoded, err := all.Encode()
		if got := contract.Hash(encoded); err != nil || got != hash {
			t.Errorf("got the hash %s at admission and %s in the sidecar, %v", hash, got, err)
		}
		config, _, err := all.Validate(contract.Rules{Mode: contract.Pod, NoCertificates: r.EndpointOnly})
		if err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
		for _, c := range config.Certificates {
			if !slices.Contains(r.Stores, c.Store) {
				t.Errorf("store %s is not mounted", c.Store)
			}
		}
	}
}
