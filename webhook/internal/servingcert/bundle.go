package servingcert

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// maxBundleCerts is the maximum number of certificates in a caBundle. While one source of the
// certificate replaces another, the CAs of both fit into it several times.
const maxBundleCerts = 8

// contains reports whether have contains all certificates of want.
func contains(have, want []*x509.Certificate) bool {
	for _, w := range want {
		if !slices.ContainsFunc(have, w.Equal) {
			return false
		}
	}
	return true
}

// merge returns the certificates of want, followed by those of have that are still valid. Another
// replica may serve a certificate of one of these CAs: from a newer or older state of the Secret,
// or from the source that was configured before.
func merge(have, want []*x509.Certificate, now time.Time) []*x509.Certificate {
	merged := slices.Clone(want)
	for _, h := range have {
		if len(merged) < maxBundleCerts && now.Before(h.NotAfter) && !slices.ContainsFunc(merged, h.Equal) {
			merged = append(merged, h)
		}
	}
	return merged
}

// bundlesOf returns the CAs in the caBundle of each webhook of the configuration.
func bundlesOf(config *admissionregistrationv1.MutatingWebhookConfiguration) [][]*x509.Certificate {
	if config == nil {
		return nil
	}
	bundles := make([][]*x509.Certificate, len(config.Webhooks))
	for i, w := range config.Webhooks {
		bundles[i] = readCerts(w.ClientConfig.CABundle)
	}
	return bundles
}

// bundlePatch returns a strategic merge patch that adds the trusted CAs to each webhook that lacks
// them, or nil if no webhook does. The API server merges webhooks by name, so the patch changes
// nothing else.
func bundlePatch(
	config *admissionregistrationv1.MutatingWebhookConfiguration, bundles [][]*x509.Certificate,
	trusted []*x509.Certificate, now time.Time,
) ([]byte, error) {
	type clientConfig struct {
		CABundle []byte `json:"caBundle"`
	}
	type webhook struct {
		Name         string       `json:"name"`
		ClientConfig clientConfig `json:"clientConfig"`
	}
	var webhooks []webhook
	for i, w := range config.Webhooks {
		if !contains(bundles[i], trusted) {
			webhooks = append(webhooks, webhook{w.Name, clientConfig{encodeCerts(merge(bundles[i], trusted, now)...)}})
		}
	}
	if webhooks == nil {
		return nil, nil
	}
	return json.Marshal(map[string]any{"webhooks": webhooks})
}
