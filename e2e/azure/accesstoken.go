package azure

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// tokenSigner signs access tokens with a key that it creates at the first use.
type tokenSigner struct {
	key func() jose.JSONWebKey
}

func newTokenSigner() *tokenSigner {
	return &tokenSigner{key: sync.OnceValue(newSigningKey)}
}

func newSigningKey() jose.JSONWebKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return signingKey(key)
}

// signingKey returns a key whose ID is its thumbprint (RFC 7638).
func signingKey(key *rsa.PrivateKey) jose.JSONWebKey {
	jwk := jose.JSONWebKey{Key: key, Algorithm: string(jose.RS256), Use: "sig"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		panic(err) // an RSA key has a thumbprint
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	return jwk
}

// accessToken contains the claims of a version 1.0 access token. Entra ID issues this version for
// Key Vault on every endpoint.
type accessToken struct {
	jwt.Claims
	Resource string `json:"aud"` // one string instead of the list in jwt.Claims
	AppID    string `json:"appid"`
	AppIDACR string `json:"appidacr"` // how the client authenticated; 2: with an assertion
	ObjectID string `json:"oid"`
	TenantID string `json:"tid"`
	Version  string `json:"ver"`
}

func accessClaims(c *cloud, app Application, resource string, now time.Time, lifetime time.Duration) accessToken {
	return accessToken{
		Claims: jwt.Claims{
			Issuer:    c.stsIssuer + app.Tenant + "/",
			Subject:   app.ObjectID,
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			Expiry:    jwt.NewNumericDate(now.Add(lifetime)),
			ID:        rand.Text(),
		},
		Resource: resource,
		AppID:    app.ClientID, AppIDACR: "2", ObjectID: app.ObjectID, TenantID: app.Tenant, Version: "1.0",
	}
}

func (s *tokenSigner) issue(claims accessToken) (string, error) { return sign(s.key(), claims) }

func (s *tokenSigner) public() jose.JSONWebKey {
	key := s.key()
	return key.Public()
}

// verify checks only the signature, and returns the claims.
func (s *tokenSigner) verify(token string) (accessToken, error) {
	var claims accessToken
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return claims, err
	}
	return claims, parsed.Claims(s.public().Key, &claims)
}

// sign creates a JWT with RS256.
func sign(key jose.JSONWebKey, claims any) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}
