package imds_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	plain      = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net"
	appService = "/msi/token?api-version=2019-08-01&resource=https://vault.azure.net"
)

// refusals are requests that get no token. Their responses are in testdata/refusals.golden.
var refusals = []struct {
	name   string
	method string // GET where empty
	target string
	header []string // alternating names and values
}{
	{name: "another path", target: "/metadata/instance?api-version=2021-02-01", header: []string{"Metadata", "true"}},
	{name: "root", target: "/"},
	{name: "a part of the path", target: "/metadata/identity/oauth2", header: []string{"Metadata", "true"}},
	{name: "post", method: http.MethodPost, target: plain, header: []string{"Metadata", "true"}},
	{name: "no header", target: plain},
	{name: "header with another value", target: plain, header: []string{"Metadata", "false"}},
	{name: "forwarded", target: plain, header: []string{"Metadata", "true", "X-Forwarded-For", "10.0.0.1"}},
	{name: "foreign host", target: plain, header: []string{"Metadata", "true", "Host", "rebound.example"}},
	{name: "address of the pod", target: plain, header: []string{"Metadata", "true", "Host", "10.0.0.7:8000"}},
	{name: "no version", target: "/metadata/identity/oauth2/token?resource=https://vault.azure.net", header: []string{"Metadata", "true"}},
	{name: "version is not a date", target: "/metadata/identity/oauth2/token?api-version=latest&resource=https://vault.azure.net", header: []string{"Metadata", "true"}},
	{name: "bad escape", target: plain + "&a=%zz", header: []string{"Metadata", "true"}},
	{name: "no resource", target: "/metadata/identity/oauth2/token?api-version=2018-02-01", header: []string{"Metadata", "true"}},
	{name: "resource is not a URI", target: "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=vault", header: []string{"Metadata", "true"}},
	{name: "two scopes", target: plain + "/.default%20https://graph.microsoft.com/.default", header: []string{"Metadata", "true"}},
	{name: "long resource", target: plain + "/" + strings.Repeat("a", 600), header: []string{"Metadata", "true"}},
	{name: "client ID is not a GUID", target: plain + "&client_id=web", header: []string{"Metadata", "true"}},
	{name: "object ID", target: plain + "&object_id=" + clientID, header: []string{"Metadata", "true"}},
	{name: "resource ID", target: plain + "&msi_res_id=/subscriptions/1", header: []string{"Metadata", "true"}},
	{name: "unknown application", target: plain + "&client_id=" + strangerID, header: []string{"Metadata", "true"}},
	{name: "unknown resource", target: plain + "/nothing", header: []string{"Metadata", "true"}},
	{name: "app service without header", target: appService},
	{name: "app service with another header", target: appService, header: []string{"X-IDENTITY-HEADER", "x", "Metadata", "true"}},
	{name: "app service, old version", target: strings.Replace(appService, "2019-08-01", "2017-09-01", 1), header: []string{"X-IDENTITY-HEADER", header}},
	{name: "app service forwarded", target: appService, header: []string{"X-IDENTITY-HEADER", header, "X-Forwarded-For", "10.0.0.1"}},
	{name: "app service, unknown application", target: appService + "&client_id=" + strangerID, header: []string{"X-IDENTITY-HEADER", header}},
}

func TestRefusals(t *testing.T) {
	f := newFixture(t)
	var texts strings.Builder
	for _, test := range refusals {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.target, nil)
		r.Host = contract.MetadataAddress
		for pair := range slices.Chunk(test.header, 2) {
			if pair[0] == "Host" {
				r.Host = pair[1]
			} else {
				r.Header.Set(pair[0], pair[1])
			}
		}
		w := httptest.NewRecorder()
		f.endpoint.ServeHTTP(w, r)
		if w.Code < http.StatusBadRequest {
			t.Errorf("%s: status %d", test.name, w.Code)
		}
		fmt.Fprintf(&texts, "%s:\n    %d %s", test.name, w.Code, w.Body)
	}
	golden(t, "testdata/refusals.golden", traceID.ReplaceAllString(texts.String(), "trace ID ..."))
}

var traceID = regexp.MustCompile(`trace ID [0-9a-f-]{36}`)

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		check(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update accepts the new text):\n%s", path, diff)
	}
}

// The response of the metadata service has these members, all of them strings. Its path is not case
// sensitive.
func TestMetadataResponse(t *testing.T) {
	f := newFixture(t)
	address := f.serve(t, "127.0.0.1:0")
	before := time.Now()
	status, h, body := get(t, address, "/Metadata/Identity/OAuth2/Token/?API-version=x&api-version=2021-12-13&resource=https://vault.azure.net/.default")
	if status != http.StatusOK || h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, header %v, body %v", status, h, body)
	}
	number := func(name string) int64 {
		text, _ := body[name].(string)
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Errorf("%s is %v", name, body[name])
		}
		delete(body, name)
		return n
	}
	lifetime := int64(time.Hour / time.Second)
	if in, extended := number("expires_in"), number("ext_expires_in"); in > lifetime || in < lifetime-60 || extended != in {
		t.Errorf("expires_in is %d, ext_expires_in %d", in, extended)
	}
	if on := number("expires_on"); on < before.Unix()+lifetime-60 || on > time.Now().Unix()+lifetime {
		t.Errorf("expires_on is %d", on)
	}
	if from := number("not_before"); from > time.Now().Unix() {
		t.Errorf("not_before is %d", from)
	}
	token, _ := body["access_token"].(string)
	delete(body, "access_token")
	if got := parseClaims(t, token); got != (claims{"https://vault.azure.net", clientID}) {
		t.Errorf("the token's claims are %+v", got)
	}
	want := map[string]any{"client_id": clientID, "resource": "https://vault.azure.net", "token_type": "Bearer"}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("other members (-want +got):\n%s", diff)
	}
}

// Transient failures return a status after which SDKs retry.
func TestTransientFailures(t *testing.T) {
	for name, test := range map[string]struct {
		fault  azure.Fault
		status int
		after  string
	}{
		"throttled":     {azure.Fault{Status: 429, RetryAfter: "7"}, http.StatusTooManyRequests, "7"},
		"no response":   {azure.Fault{Close: true}, http.StatusServiceUnavailable, ""},
		"server error":  {azure.Fault{Status: 500, Body: "sorry"}, http.StatusInternalServerError, ""},
		"from Entra ID": {azure.Fault{Status: 503, Body: `{"error":"temporarily_unavailable","error_description":"AADSTS90033: A transient error has occurred.","error_codes":[90033]}`}, http.StatusServiceUnavailable, ""},
		"not federated": {azure.Fault{Error: "700213"}, http.StatusBadRequest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			test.fault.Service, test.fault.Operation = azure.ServiceEntra, azure.OpToken
			id, err := f.InjectFault(t.Context(), test.fault)
			check(t, err)
			address := f.serve(t, "127.0.0.1:0")
			status, h, body := get(t, address, plain)
			if status != test.status || h.Get("Retry-After") != test.after || body["error"] == "" || body["error_description"] == "" {
				t.Errorf("status %d, header %v, body %v", status, h, body)
			}
			check(t, f.ClearFaults(t.Context(), id))
			if status, _, body := get(t, address, plain); status != http.StatusOK {
				t.Errorf("afterwards: status %d, body %v", status, body)
			}
		})
	}
}

// FuzzRequest sends arbitrary requests. Without the header of one of the protocols, none of them
// gets a token, and every response is JSON.
func FuzzRequest(f *testing.F) {
	for _, test := range refusals {
		f.Add(test.target, contract.MetadataAddress, strings.Join(test.header, "\n"))
	}
	fixture := newFixture(f)
	f.Fuzz(func(t *testing.T, target, host, headers string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+contract.MetadataAddress, nil)
		check(t, err)
		if r.URL, err = r.URL.Parse(target); err != nil {
			return
		}
		r.Host = host
		for pair := range slices.Chunk(strings.Split(headers, "\n"), 2) {
			if len(pair) == 2 {
				r.Header.Set(pair[0], pair[1])
			}
		}
		w := httptest.NewRecorder()
		fixture.endpoint.ServeHTTP(w, r)
		authorized := strings.EqualFold(r.Header.Get("Metadata"), "true") || r.Header.Get("X-IDENTITY-HEADER") == header
		if w.Code == http.StatusOK && (!authorized || r.Header.Get("X-Forwarded-For") != "") {
			t.Errorf("got a token for %q on host %q with %v", target, host, r.Header)
		}
		if body := w.Body.String(); !strings.HasPrefix(body, "{") || !strings.HasSuffix(body, "}\n") {
			t.Errorf("the response is %q", body)
		}
	})
}
