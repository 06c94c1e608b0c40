package keyvault

import (
	"errors"
	"testing"
)

// A server whose challenge does not belong to the vault gets no token. The SDK's client panics on a
// challenge whose authorization has no tenant.
func TestChallenge(t *testing.T) {
	const host = "example.vault.azure.net"
	const authorization = `authorization="https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555"`
	const resource = `resource="https://vault.azure.net"`
	const claims = `error="insufficient_claims", claims="eyJ9"`
	for header, want := range map[string]string{
		"Bearer " + authorization + ", " + resource:                                               "",
		"Bearer " + resource + ", " + authorization:                                               "",
		`Bearer authorization="https://login.microsoftonline.com/contoso.example", ` + resource:   "",
		"Bearer " + authorization + `, scope="https://vault.azure.net/.default", resource="none"`: "",
		`Bearer realm="", authorization_uri="https://login.example/", ` + claims:                  "",
		`Bearer authorization="https://login.microsoftonline.com/", ` + resource:                  "has no tenant",
		`Bearer authorization="https://login.microsoftonline.com", ` + resource:                   "has no tenant",
		`Bearer authorization="tenant", ` + resource:                                              "has no tenant",
		`Bearer authorization="tenant", ` + claims:                                                "has no tenant",
		`Bearer authorization="", ` + resource:                                                    "has no tenant",
		"Bearer " + resource:                                                                      "has no tenant",
		`Basic realm="proxy"`:                                                                     "has no tenant",
		"Bearer " + authorization:                                                                 "has no resource",
		"Bearer " + authorization + `, resource="https://vault.azure.net.evil.test"`:              `is for the resource "https://vault.azure.net.evil.test"`,
		"Bearer " + authorization + `, resource="https://example.vault.azure.net"`:                `is for the resource "https://example.vault.azure.net"`,
		"Bearer " + authorization + `, resource="https://management.azure.com"`:                   `is for the resource "https://management.azure.com"`,
		"Bearer " + authorization + `, resource="none"`:                                           `is for the resource "none"`,
		"Bearer " + authorization + `, resource="https://vault.azure.net:8443"`:                   `is for the resource "https://vault.azure.net:8443"`,
		"Bearer " + authorization + `, resource="://"`:                                            `is for the resource "://"`,
		"Bearer " + authorization + `, ` + resource + `, scope="https://evil.test"`:               `is for the resource "https://evil.test"`,
	} {
		if want != "" {
			want = "the challenge " + want
		}
		got := ""
		if err := parseChallenge(header).check(host); err != nil {
			e, ok := errors.AsType[*ChallengeError](err)
			if !ok {
				t.Fatalf("%s: %T %v", header, err, err)
			}
			got = e.Problem
		}
		if got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
}

// A token is fetched in advance only if the cloud, and so the token's scope, is known.
func TestScope(t *testing.T) {
	for url, want := range map[string]string{
		"https://example.vault.azure.net":           "https://vault.azure.net/.default",
		"https://Example.Vault.Azure.CN":            "https://vault.azure.cn/.default",
		"https://example.vault.usgovcloudapi.net":   "https://vault.usgovcloudapi.net/.default",
		"https://example.vault.private.example":     "",
		"https://a.b.vault.azure.net":               "",
		"https://example.vault.azure.net.evil.test": "",
	} {
		if got := scope(url); got != want {
			t.Errorf("scope(%q) = %q, want %q", url, got, want)
		}
	}
}
