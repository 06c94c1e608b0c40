package keyvault

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// ChallengeError is returned if the server under a vault's host name sends a challenge that Key
// Vault would not send. It gets no token.
type ChallengeError struct {
	// Host is the vault's host name.
	Host string
	// Problem describes what is wrong with the challenge.
	Problem string
	// Where selects the text.
	Where contract.Mode
}

func (e *ChallengeError) Error() string {
	return fmt.Sprintf("%s requests a token in a way that Key Vault does not (%s), so no token is sent: check %s DNS, and "+
		"whether a proxy responds instead of Key Vault", e.Host, e.Problem, e.Where.Text("the cluster's", "this machine's"))
}

// challenge contains what the SDK's client reads from a WWW-Authenticate header.
//
// Source: NewKeyVaultChallengePolicy of
// github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/internal
type challenge struct {
	authorization string
	resource      string
	claims        bool
}

// parseChallenge parses a header as the SDK's client does, so that both get the same result.
func parseChallenge(header string) challenge {
	values := map[string]string{}
	for part := range strings.SplitSeq(strings.ReplaceAll(header, "Bearer ", ""), " ") {
		if sub := strings.Split(part, "="); len(sub) == 2 {
			values[sub[0]] = strings.TrimSuffix(strings.ReplaceAll(sub[1], `"`, ""), ",")
		}
	}
	c := challenge{authorization: values["authorization"], resource: values["resource"]}
	if scope, ok := values["scope"]; ok {
		c.resource = scope
	}
	// The vault requires a new token with these claims (continuous access evaluation).
	c.claims = strings.Contains(header, `error="insufficient_claims"`) && strings.Contains(header, `claims="`)
	return c
}

// check returns a *ChallengeError if the server at host must not get a token. The SDK's client also
// checks the resource, but its error has no type, and it panics if the authorization is a URL
// without a tenant.
func (c challenge) check(host string) error {
	fail := func(format string, args ...any) error {
		return &ChallengeError{Host: host, Problem: fmt.Sprintf(format, args...)}
	}
	segments := strings.Split(c.authorization, "/")
	hasTenant := len(segments) > 3 && segments[3] != ""
	switch {
	case c.claims && (c.authorization == "" || hasTenant):
		return nil
	case !hasTenant:
		return fail("the challenge has no tenant")
	case c.resource == "":
		return fail("the challenge has no resource")
	}
	resource, err := url.Parse(c.resource)
	if err != nil || resource.Host == "" || !strings.HasSuffix(host, "."+resource.Host) {
		return fail("the challenge is for the resource %.100q", c.resource)
	}
	return nil
}
