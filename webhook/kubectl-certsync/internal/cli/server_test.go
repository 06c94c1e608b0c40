package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
)

// A server that is not an API server, and one that stops to respond, are named as such: the exit
// code is 3, whatever the command reads first.
func TestOtherServers(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			fmt.Fprint(w, "<html>an intranet page</html>")
		}
	}
	gone := func(w http.ResponseWriter, r *http.Request) {
		r.Context().Value(http.ServerContextKey).(*http.Server).SetKeepAlivesEnabled(false)
		fmt.Fprint(w, `{"major": "1", "minor": "36", "gitVersion": "v1.36.0"}`)
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		command []string
		want    string
		once    bool // the server ends after the first response
	}{
		{"a page for version", page(http.StatusOK), []string{"version"}, "does not respond as a Kubernetes API server", false},
		{"a page for check", page(http.StatusOK), []string{"check"}, "does not respond as a Kubernetes API server", false},
		{"not found", page(http.StatusNotFound), []string{"status"}, "does not respond as a Kubernetes API server", false},
		{"not found for a pod", page(http.StatusNotFound), []string{"doctor", "web"}, "does not respond as a Kubernetes API server", false},
		{"a failing proxy", page(http.StatusBadGateway), []string{"check"}, "does not respond as a Kubernetes API server", false},
		{"gone after the version", gone, []string{"check"}, "the API server does not respond", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.once {
					server.Listener.Close()
				}
				test.handler(w, r)
			}))
			defer server.Close()
			var out, errOut strings.Builder
			code := Run(buildinfo.Info{}, append(test.command, "--server", server.URL), strings.NewReader(""), &out, &errOut)
			if code != exitAccess || !strings.Contains(errOut.String(), test.want) {
				t.Errorf("exit code %d, standard error %q; want %d and %q", code, errOut.String(), exitAccess, test.want)
			}
		})
	}
}
