package azure_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// FuzzApply sends a configuration to the parser and to the admin API. A configuration that the
// parser accepts survives a round trip, and the admin API accepts or refuses every input.
func FuzzApply(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := azure.New(azure.Options{})
		check(t, err)
		answer := httptest.NewRecorder()
		e.AdminHandler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/apply", bytes.NewReader(data)))
		config, err := azure.ParseConfig(data)
		switch {
		case err != nil && answer.Code != http.StatusBadRequest:
			t.Errorf("parser: error %v, admin API: status %d", err, answer.Code)
		case err == nil && answer.Code != http.StatusOK && answer.Code != http.StatusBadRequest && answer.Code != http.StatusNotFound:
			t.Errorf("status %d: %s", answer.Code, answer.Body)
		}
		if err != nil {
			return
		}
		written, err := json.Marshal(config)
		check(t, err)
		again, err := azure.ParseConfig(written)
		check(t, err)
		rewritten, err := json.Marshal(again)
		check(t, err)
		if diff := cmp.Diff(string(written), string(rewritten)); diff != "" {
			t.Errorf("a round trip changes it:\n%s", diff)
		}
	})
}
