package azure

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// clockSkew is the difference of clocks that Entra ID and Key Vault accept in a token's times.
const clockSkew = 5 * time.Minute

// maxAssertionLifetime is the limit that AADSTS70023 names: a day and an hour.
const maxAssertionLifetime = 25 * time.Hour

// verifyAssertion checks a federated token against an application's credentials and
// its issuer's keys. It returns an AADSTS number, or 0 if the assertion holds.
func (en *entra) verifyAssertion(ctx context.Context, assertion string, credentials []FederatedCredential) int {
	// Entra ID supports RS256 only for federated tokens.
	token, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return 50027
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return 50027
	}
	if code := matchCredential(credentials, claims); code != 0 {
		return code
	}
	if code := checkTimes(claims, time.Now()); code != 0 {
		return code
	}
	keys := en.issuer(claims.Issuer)
	if keys == nil {
		return 90061
	}
	candidates, err := keys.find(ctx, token.Headers[0].KeyID)
	if err != nil {
		return 90061
	}
	for _, key := range candidates {
		if token.Claims(key.Key) == nil {
			return 0
		}
	}
	return 700027
}

// matchCredential filters the credentials by issuer, subject and audience. It reports the first of
// these that no credential matches.
func matchCredential(credentials []FederatedCredential, claims jwt.Claims) int {
	left := slices.Clone(credentials)
	keep := func(match func(FederatedCredential) bool) bool {
		left = slices.DeleteFunc(left, func(c FederatedCredential) bool { return !match(c) })
		return len(left) > 0
	}
	if !keep(func(c FederatedCredential) bool { return c.Issuer == claims.Issuer }) {
		return 700211
	}
	sameButCase := slices.ContainsFunc(left, func(c FederatedCredential) bool { return strings.EqualFold(c.Subject, claims.Subject) })
	if !keep(func(c FederatedCredential) bool { return c.Subject == claims.Subject }) {
		if sameButCase {
			return 7002138
		}
		return 700213
	}
	if !keep(func(c FederatedCredential) bool { return claims.Audience.Contains(c.Audience) }) {
		return 700212
	}
	return 0
}

func checkTimes(claims jwt.Claims, now time.Time) int {
	switch {
	case claims.Expiry == nil || now.After(claims.Expiry.Time().Add(clockSkew)):
		return 700024
	case claims.NotBefore != nil && now.Add(clockSkew).Before(claims.NotBefore.Time()):
		return 700024
	case claims.IssuedAt == nil || claims.Expiry.Time().Sub(claims.IssuedAt.Time()) > maxAssertionLifetime:
		return 70023
	}
	return 0
}
