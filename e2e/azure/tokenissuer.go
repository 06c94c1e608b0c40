package azure

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// TokenIssuer signs assertions as a cluster signs service account tokens, for tests without a
// cluster.
type TokenIssuer struct {
	url string
	key jose.JSONWebKey
}

// Assertion is the content of a token. Zero fields get defaults.
type Assertion struct {
	// Subject is system:serviceaccount:NAMESPACE:NAME.
	Subject string
	// Issuer defaults to the issuer's URL, Audience to api://AzureADTokenExchange.
	Issuer   string
	Audience string
	// IssuedAt defaults to now, Expiry to an hour after it.
	IssuedAt time.Time
	Expiry   time.Time
}

// NewTokenIssuer creates an issuer with this URL and a new RSA key.
func NewTokenIssuer(url string) (*TokenIssuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return &TokenIssuer{url: url, key: signingKey(key)}, nil
}

// JWKS returns the JSON Web Key Set, as a cluster serves it at /openid/v1/jwks.
func (t *TokenIssuer) JWKS() json.RawMessage {
	data, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{t.key.Public()}})
	if err != nil {
		panic(err) // encoding an RSA public key does not fail
	}
	return data
}

// Config returns the issuer with its keys, for [Config.Issuers].
func (t *TokenIssuer) Config() Issuer { return Issuer{URL: t.url, JWKS: t.JWKS()} }

// Sign creates a token.
func (t *TokenIssuer) Sign(a Assertion) (string, error) {
	if a.Issuer == "" {
		a.Issuer = t.url
	}
	if a.Audience == "" {
		a.Audience = defaultAudience
	}
	if a.IssuedAt.IsZero() {
		a.IssuedAt = time.Now()
	}
	if a.Expiry.IsZero() {
		a.Expiry = a.IssuedAt.Add(time.Hour)
	}
	return sign(t.key, jwt.Claims{
		Issuer: a.Issuer, Subject: a.Subject, Audience: jwt.Audience{a.Audience},
		IssuedAt: jwt.NewNumericDate(a.IssuedAt), NotBefore: jwt.NewNumericDate(a.IssuedAt), Expiry: jwt.NewNumericDate(a.Expiry),
	})
}
