package azure_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// jwksServer publishes an issuer's keys as an API server does: over HTTPS with a private CA, and
// only to clients with a token.
type jwksServer struct {
	*httptest.Server
	caFile, tokenFile string
	requests          atomic.Int32
}

func newJWKSServer(t *testing.T, set *json.RawMessage) *jwksServer {
	t.Helper()
	s := &jwksServer{caFile: filepath.Join(t.TempDir(), "ca.crt"), tokenFile: filepath.Join(t.TempDir(), "token")}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if r.Header.Get("Authorization") != "Bearer let-me-in" {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(*set)
	}))
	t.Cleanup(s.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	check(t, os.WriteFile(s.caFile, ca, 0o600))
	check(t, os.WriteFile(s.tokenFile, []byte("let-me-in\n"), 0o600))
	return s
}
