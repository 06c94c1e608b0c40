package credential

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"time"
)

// TokenClaims are the claims of a service-account token that Entra ID compares with a federated
// identity credential. They are not secret: a token cannot be used without its signature.
type TokenClaims struct {
	Issuer   string
	Subject  string
	Audience string
	Expires  time.Time
}

// readClaims reads the claims of the token in a file. It verifies nothing, since they are only used
// in error messages. It returns nil if the file does not contain a token, which another error
// reports.
func readClaims(path string) *TokenClaims {
	token, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	parts := strings.Split(strings.TrimSpace(string(token)), ".")
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

// audience is a string or a list of strings (RFC 7519, 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	var single string
	if json.Unmarshal(data, &single) == nil {
		*a = audience{single}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}
