package credential

import (
	"errors"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

// ofKubernetes matches what a host does not have.
var ofKubernetes = regexp.MustCompile(`(?i)\b(pods?|cluster|chart|node|kubelet|sidecar|webhook|annotat\w+|service.account)\b`)

// On a host, no text speaks of Kubernetes.
func TestHostTexts(t *testing.T) {
	id := Identity{ClientID: "c", TenantID: "t"}
	var texts []error
	for code := range rules {
		for _, token := range []*TokenClaims{nil, {Issuer: "i", Subject: "s", Audience: "a", Expires: time.Now()}} {
			texts = append(texts, &EntraError{Code: code, Identity: id, Token: token, Where: contract.Host, rule: rules[code]})
		}
	}
	for _, status := range []int{0, 400, 401, 403, 404, 410, 500} {
		for _, host := range []string{"", azhttp.MetadataHost, "127.0.0.1:40342"} {
			for _, name := range []string{"", "invalid_resource"} {
				texts = append(texts, &ManagedIdentityError{Status: status, Host: host, Name: name, where: contract.Host},
					&ManagedIdentityError{Identity: id, Status: status, Host: host, Name: name, where: contract.Host})
			}
		}
	}
	host := Federation{Where: contract.Host}
	texts = append(texts,
		checkFederated(Identity{}, host), checkFederated(Identity{ClientID: "c"}, host), checkFederated(id, host),
		&TokenFileError{Path: "/token", Where: contract.Host}, &TokenFileError{Path: "/token", Err: errors.New("denied"), Where: contract.Host},
		&InvalidResponseError{Status: http.StatusOK}, &TenantError{Identity: id, VaultTenant: "v"},
	)
	for _, text := range texts {
		if ofKubernetes.MatchString(text.Error()) {
			t.Error(text)
		}
	}
}
