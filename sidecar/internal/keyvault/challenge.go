package keyvault

import (
	"fmt"
	"net/url"
	"strings"
)

// ChallengeError says that what answers under a vault's name asks for a token as no vault does. None is sent.
type ChallengeError struct {
	// Host is the vault's.
	Host string
	// Problem is what is wrong with the challenge.
	Problem string
}

func (e *ChallengeError) Error() string {
	return fmt.Sprintf("%s asks for a token as Key Vault does not (%s), so none is sent: check the cluster's DNS, and whether "+
		"a proxy answers in its place", e.Host, e.Problem)
}

// challenge is what the SDK's client takes from a WWW-Authenticate header.
//
// Source: NewKeyVaultChallengePolicy of github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/internal
type challenge struct {
	authorization string
	resource      string
	claims        bool
}

// parseChallenge reads a header in the way in which the SDK's client does, so that both see the same.
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
	// The token is to be got anew, with claims (continuous access evaluation).
	c.claims = strings.Contains(header, `error="insufficient_claims"`) && strings.Contains(header, `claims="`)
	return c
}

// check returns a *ChallengeError where no token is to be sent to the vault at host. The SDK's client checks the
// resource, too, with an error of no type, and panics where the authorization is a URL that names no tenant.
func (c challenge) check(host string) error {
	fail := func(format string, args ...any) error {
		return &ChallengeError{Host: host, Problem: fmt.Sprintf(format, args...)}
	}
	segments := strings.Split(c.authorization, "/")
	named := len(segments) > 3 && segments[3] != ""
	switch {
	case c.claims && (c.authorization == "" || named):
		return nil
	case !named:
		return fail("it names no tenant")
	case c.resource == "":
		return fail("it names no resource")
	}
	resource, err := url.Parse(c.resource)
	if err != nil || resource.Host == "" || !strings.HasSuffix(host, "."+resource.Host) {
		return fail("for the resource %.100q", c.resource)
	}
	return nil
}
