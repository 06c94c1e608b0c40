package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// fetchTimeout limits a fetch of an issuer's keys.
const fetchTimeout = 10 * time.Second

// issuerKeys are the published keys of one issuer.
type issuerKeys struct {
	config Issuer

	mu  sync.Mutex // held during a fetch, so that fetches do not run concurrently
	set jose.JSONWebKeySet
}

func newIssuerKeys(i Issuer) (*issuerKeys, error) {
	if i.URL == "" {
		return nil, fmt.Errorf("%w: issuer without a URL", ErrInvalid)
	}
	if len(i.JWKS) > 0 && i.JWKSURL != "" {
		return nil, fmt.Errorf("%w: issuer %s: jwks and jwksURL exclude each other", ErrInvalid, i.URL)
	}
	k := &issuerKeys{config: i}
	if len(i.JWKS) > 0 {
		if err := json.Unmarshal(i.JWKS, &k.set); err != nil {
			return nil, fmt.Errorf("%w: issuer %s: jwks: %w", ErrInvalid, i.URL, err)
		}
	}
	if _, err := url.Parse(i.JWKSURL); err != nil {
		return nil, fmt.Errorf("%w: issuer %s: jwksURL: %w", ErrInvalid, i.URL, err)
	}
	return k, nil
}

// find returns the keys with this ID, or all keys for an empty ID. An error means that the issuer
// is unreachable.
func (k *issuerKeys) find(ctx context.Context, keyID string) ([]jose.JSONWebKey, error) {
	if len(k.config.JWKS) == 0 && k.config.JWKSURL == "" {
		return nil, errors.New("the issuer publishes no keys")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if keys := k.known(keyID); len(keys) > 0 || k.config.JWKSURL == "" {
		return keys, nil
	}
	set, err := fetchKeys(ctx, k.config)
	if err != nil {
		return nil, err
	}
	k.set = set
	return k.known(keyID), nil
}

func (k *issuerKeys) known(keyID string) []jose.JSONWebKey {
	if keyID == "" {
		return k.set.Keys
	}
	return k.set.Key(keyID)
}

// fetchKeys gets a key set (RFC 7517, section 5) from an issuer.
func fetchKeys(ctx context.Context, i Issuer) (set jose.JSONWebKeySet, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.JWKSURL, nil)
	if err != nil {
		return set, err
	}
	if i.TokenFile != "" {
		token, err := os.ReadFile(i.TokenFile)
		if err != nil {
			return set, err
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	transport := &http.Transport{DisableKeepAlives: true}
	if i.CAFile != "" {
		pem, err := os.ReadFile(i.CAFile)
		if err != nil {
			return set, err
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return set, fmt.Errorf("%s contains no certificate", i.CAFile)
		}
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return set, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return set, fmt.Errorf("GET %s: %s", i.JWKSURL, resp.Status)
	}
	return set, json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&set)
}
