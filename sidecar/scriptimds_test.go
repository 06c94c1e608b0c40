package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

const (
	// machine stands for the machine's default identity.
	machine = "machine"

	imdsAddress = "169.254.169.254"
	arcAddress  = "127.0.0.1:40342"
	// arcKeys is where Azure Arc's agent writes keys for the users who may get tokens. In the mount
	// namespace of the test it is on a separate file system.
	arcKeys = "/var/opt/azcmagent/tokens"
	arcKey  = arcKeys + "/test.key"
)

// metadata is a small instance metadata service, and Azure Arc's. Its managed identities are the
// applications of the scripts. It gets their tokens from the emulated Entra ID, so that the vaults
// accept them.
type metadata struct {
	*world
	client *http.Client
}

// serveMetadata serves both on their addresses, inside the sandbox.
func (w *world) serveMetadata(t *testing.T) {
	t.Helper()
	addLoopbackAddress(t, imdsAddress)
	check(t, unix.Mount("tmpfs", "/var/opt", "tmpfs", 0, ""))
	check(t, os.MkdirAll(arcKeys, 0o700))
	check(t, os.WriteFile(arcKey, []byte("the agent's secret"), 0o600))
	t.Cleanup(func() { check(t, unix.Unmount("/var/opt", 0)) })

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.CACertPEM())
	m := &metadata{world: w, client: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}}}
	for address, handler := range map[string]http.HandlerFunc{imdsAddress + ":80": m.imds, arcAddress: m.arc} {
		l, err := net.Listen("tcp", address)
		check(t, err)
		server := &http.Server{Handler: handler}
		go func() { _ = server.Serve(l) }() // until it is closed
		t.Cleanup(func() { check(t, server.Close()) })
	}
}

// addLoopbackAddress adds a second IPv4 address to lo, under the alias lo:1.
func addLoopbackAddress(t *testing.T, address string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	check(t, err)
	defer unix.Close(fd)
	for _, set := range []struct {
		request uint
		value   net.IP
	}{{unix.SIOCSIFADDR, net.ParseIP(address)}, {unix.SIOCSIFNETMASK, net.IPv4bcast}} {
		r, err := unix.NewIfreq("lo:1")
		check(t, err)
		check(t, r.SetInet4Addr(set.value.To4()))
		check(t, unix.IoctlIfreq(fd, set.request, r))
	}
}

func (m *metadata) imds(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Metadata") != "true" || r.URL.Path != "/metadata/identity/oauth2/token" || r.FormValue("api-version") != "2018-02-01" {
		refuse(w, http.StatusBadRequest, "bad request")
		return
	}
	m.issueToken(w, r)
}

// arc issues tokens to callers that can read the key file that it names.
func (m *metadata) arc(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Basic the agent's secret" {
		w.Header().Set("WWW-Authenticate", "Basic realm="+arcKey)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	m.issueToken(w, r)
}

func refuse(w http.ResponseWriter, status int, description string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request", "error_description": description})
}

// issueToken exchanges an assertion of the cluster for a token: the emulator supports only that.
func (m *metadata) issueToken(w http.ResponseWriter, r *http.Request) {
	clientID := cmp.Or(r.FormValue("client_id"), clientIDOf(machine))
	assertion, err := m.issuer.Sign(azure.Assertion{Subject: subject})
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	resp, err := m.client.PostForm("https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/token", url.Values{
		"grant_type":            {"client_credentials"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
		"client_id":             {clientID},
		"scope":                 {r.FormValue("resource") + "/.default"},
	})
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	defer resp.Body.Close()
	var token struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&token) != nil {
		refuse(w, http.StatusBadRequest, "Identity not found")
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{
		"access_token": token.Token, "expires_in": fmt.Sprint(token.Expires), "token_type": "Bearer",
		"resource": r.FormValue("resource"), "client_id": clientID,
	})
}
