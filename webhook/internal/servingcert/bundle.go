package servingcert

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// maxBundle bounds the certificates of a caBundle.
const maxBundle = 4

// contains reports whether all wanted certificates are in the list.
func contains(have, want []*x509.Certificate) bool {
	for _, w := range want {
		if !slices.ContainsFunc(have, w.Equal) {
			return false
		}
	}
	return true
}

// merge returns the wanted certificates, followed by the existing ones that are still valid.
// Another replica may serve a certificate of theirs: of a newer or older state of the Secret, or of
// the source before it was changed.
func merge(have, want []*x509.Certificate, now time.Time) []*x509.Certificate {
	merged := slices.Clone(want)
	for _, h := range have {
		if len(merged) < maxBundle && now.Before(h.NotAfter) && !slices.ContainsFunc(merged, h.Equal) {
			merged = append(merged, h)
		}
	}
	return merged
}

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

// bundlePatch returns the strategic merge patch that adds missing trusted CAs, or nil if none is
// missing. It names each webhook, which is the merge key of the API server, so that it changes
// nothing else in the configuration.
func bundlePatch(config *admissionregistrationv1.MutatingWebhookConfiguration, bundles [][]*x509.Certificate, trusted []*x509.Certificate, now time.Time) ([]byte, error) {
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
