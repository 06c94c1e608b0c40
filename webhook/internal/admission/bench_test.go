package admission

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// testConfig is the configuration for a cluster whose service accounts have a client ID and no
// other annotations.
func testConfig() *Config {
	options := &inject.Options{
		InjectIdentity: true, AuthorityHost: "https://login.microsoftonline.com/",
		Image: "registry.example.com/sidecar:1", Native: inject.NativeDefault,
	}
	return &Config{
		ServiceAccount: func(context.Context, string, string) (map[string]string, error) {
			return map[string]string{contract.AnnotationClientID: "22222222-2222-2222-2222-222222222222"}, nil
		},
		Namespace: func(context.Context, string, string) (map[string]string, error) { return nil, nil },
		Options:   func() *inject.Options { return options },
		TenantID:  "11111111-1111-1111-1111-111111111111",
	}
}

func testHandler(c *Config) *Handler {
	return NewHandler(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
}

// BenchmarkServeHTTP measures one admission without the network.
func BenchmarkServeHTTP(b *testing.B) {
	body, err := os.ReadFile("testdata/review.json")
	if err != nil {
		b.Fatal(err)
	}
	h := testHandler(testConfig())
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/mutate-v1-pod?timeout=5s", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body.String())
		}
	}
}
