package azure

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"net/url"
	"slices"
	"sync"
)

// confidential collects what [Control.Confidential] returns. It is safe for concurrent use.
type confidential struct {
	mu   sync.Mutex
	all  Confidential
	seen map[string]bool // keys and assertions
}

// Confidential implements [Control].
func (e *Emulator) Confidential(context.Context) (Confidential, error) {
	c := &e.confidential
	c.mu.Lock()
	defer c.mu.Unlock()
	return Confidential{
		Keys: slices.Clip(c.all.Keys), Values: slices.Clip(c.all.Values), Tokens: slices.Clip(c.all.Tokens),
	}, nil
}

// first reports whether it is called with this text for the first time. The caller holds the lock.
func (c *confidential) first(text string) bool {
	if c.seen == nil {
		c.seen = make(map[string]bool)
	}
	before := c.seen[text]
	c.seen[text] = true
	return !before
}

// add adds a certificate's key and the value of its secret.
func (c *confidential) add(key crypto.Signer, value string) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all.Values = append(c.all.Values, value)
	if c.first(string(der)) {
		c.all.Keys = append(c.all.Keys, der)
	}
	return nil
}

// assertion adds the assertion of a token request.
func (c *confidential) assertion(body []byte) {
	form, err := url.ParseQuery(string(body))
	if assertion := form.Get("client_assertion"); err == nil && assertion != "" {
		c.token(assertion)
	}
}

// accessToken adds the token of a response, if it has one.
func (c *confidential) accessToken(body []byte) {
	var response struct {
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(body, &response) == nil && response.AccessToken != "" {
		c.token(response.AccessToken)
	}
}

func (c *confidential) token(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first(token) {
		c.all.Tokens = append(c.all.Tokens, token)
	}
}
