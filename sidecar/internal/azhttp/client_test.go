package azhttp_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

// call sends a request to a TLS server through the SDK's pipeline, as the real clients do.
func call(t *testing.T, h http.HandlerFunc, trust bool) (resp *http.Response, observed []string, err error) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	o := azhttp.Options{}
	if trust {
		o.ExtraCA = certificatePEM(server)
	} else {
		server.Config.ErrorLog = nil
	}
	client, err := azhttp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)

	options := client.Options("test", func(service string, status int, _ time.Duration) {
		observed = append(observed, fmt.Sprint(service, " ", status))
	})
	resp, err = doWith(t, options, server.URL)
	return resp, observed, err
}

func do(t *testing.T, client *azhttp.Client, url string) (*http.Response, error) {
	t.Helper()
	return doWith(t, client.Options("test", nil), url)
}

func doWith(t *testing.T, options azcore.ClientOptions, url string) (*http.Response, error) {
	t.Helper()
	req, err := runtime.NewRequest(t.Context(), http.MethodGet, url)
	check(t, err)
	return runtime.NewPipeline("test", "v0", runtime.PipelineOptions{}, &options).Do(req)
}

// A request is sent once, with any response, and is observed.
func TestNoRetry(t *testing.T) {
	calls := 0
	resp, observed, err := call(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusServiceUnavailable)
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if calls != 1 || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d calls, status %d", calls, resp.StatusCode)
	}
	if diff := cmp.Diff([]string{"test 503"}, observed); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

// A redirect is returned like any other response, and the token is not sent to its target.
func TestNoRedirect(t *testing.T) {
	resp, _, err := call(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("the redirect to %s was followed", r.URL.Path)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// A server with an unknown CA gets no request, and the error says what to do.
func TestUntrusted(t *testing.T) {
	_, observed, err := call(t, func(http.ResponseWriter, *http.Request) { t.Error("the request was sent") }, false)
	unreachable, ok := errors.AsType[*azhttp.UnreachableError](err)
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); !ok || !untrusted {
		t.Fatalf("unexpected error %T %v", err, err)
	}
	if text := unreachable.Error(); !strings.Contains(text, "CERTSYNC_EXTRA_CA") {
		t.Errorf("the error does not say what to do: %s", text)
	}
	if diff := cmp.Diff([]string{"test 0"}, observed); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func TestExtraCAWithoutCertificate(t *testing.T) {
	if _, err := azhttp.New(azhttp.Options{ExtraCA: []byte("none")}); err == nil {
		t.Error("no error")
	}
}

// net/http ignores an invalid proxy variable. Here it is an error, which does not contain the
// password.
func TestProxyVariables(t *testing.T) {
	for value, ok := range map[string]bool{
		"": true, "http://proxy.example:3128": true, "https://user:pa55word@proxy.example": true, "socks5://127.0.0.1:1080": true,
		"proxy.example:3128": true, "127.0.0.1:3128": true, "user:pa55word@proxy.example:3128": true,
		"http://": false, "http://user:pa55word@": false, "http://user:pa%55word%@proxy.example": false, "ftp://user:pa55word@proxy.example": false,
		"http://user:pa55word@proxy.example:port": false,
	} {
		t.Setenv("HTTPS_PROXY", value)
		_, err := azhttp.New(azhttp.Options{})
		if (err == nil) != ok {
			t.Errorf("%q: %v", value, err)
		}
		if err != nil && strings.Contains(err.Error(), "55") {
			t.Errorf("%q: the error contains the password: %v", value, err)
		}
		if _, err := azhttp.New(azhttp.Options{Direct: true}); err != nil {
			t.Errorf("%q, although no proxy is used: %v", value, err)
		}
	}
}
