package credential

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// TokenClaims are what Entra ID compares of a service-account token with a federated identity
// credential. They are no secret: without its signature a token is of no use.
type TokenClaims struct {
	Issuer   string
	Subject  string
	Audience string
	Expires  time.Time
}

// readClaims reads the token's payload, for an error message only: nothing is verified. It returns nil
// where the file has no token in it, which is said in another way.
func readClaims(path string) *TokenClaims {
	token, err := readTokenFile(path)
	if err != nil {
		return nil
	}
	parts := strings.Split(string(token), ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var raw struct {
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Audience audience `json:"aud"`
		Expires  float64  `json:"exp"`
	}
	if json.Unmarshal(payload, &raw) != nil {
		return nil
	}
	return &TokenClaims{
		Issuer:   raw.Issuer,
		Subject:  raw.Subject,
		Audience: strings.Join(raw.Audience, " "),
		Expires:  time.Unix(int64(raw.Expires), 0).UTC(),
	}
}

// audience is a string or a list of them (RFC 7519, 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}
