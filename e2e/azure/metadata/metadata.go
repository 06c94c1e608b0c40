// Package metadata emulates the two services that give a machine tokens of its managed identities:
// Azure's instance metadata service and Azure Arc's agent.
//
// It guarantees that their tokens are those of the emulated Entra ID, so that the emulated vaults
// accept them, and that requests are refused that the real services refuse.
package metadata

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// Addresses of the services. The first must exist on the loopback interface of the sandbox.
const (
	Address    = "169.254.169.254:80"
	ArcAddress = "127.0.0.1:40342"
)

// Machine is a machine with identities. Each identity is an application of the emulator with a
// federated credential for Issuer and Subject, since the emulator issues tokens only for
// assertions.
type Machine struct {
	Azure   *azure.Emulator
	Issuer  *azure.TokenIssuer
	Subject string
	Tenant  string
	// System is the client ID of the system-assigned identity; empty if there is none.
	System string
	// User are the client IDs of the user-assigned identities. With nil, all applications are
	// assigned.
	User []string
}

// ServeHTTP is the instance metadata service.
//
// Source:
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
func (m *Machine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Metadata") != "true":
		refuse(w, http.StatusBadRequest, "Required metadata header not specified")
	case r.Header.Get("X-Forwarded-For") != "":
		refuse(w, http.StatusBadRequest, "Request contains the header X-Forwarded-For")
	case !strings.EqualFold(r.URL.Path, "/metadata/identity/oauth2/token"):
		http.NotFound(w, r)
	case r.FormValue("api-version") != "2018-02-01" || r.FormValue("resource") == "":
		refuse(w, http.StatusBadRequest, "Required query variable is missing")
	default:
		m.issue(w, r)
	}
}

// Arc returns Azure Arc's agent of a machine whose file system is at root. It issues tokens to
// callers that can read the key file, whose directory is /var/opt/azcmagent/tokens.
//
// Source: https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication
func (m *Machine) Arc(root, keyFile string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, err := os.ReadFile(filepath.Join(root, keyFile))
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		case r.Header.Get("Authorization") != "Basic "+string(key):
			w.Header().Set("WWW-Authenticate", "Basic realm="+keyFile)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			m.issue(w, r)
		}
	})
}

// identity returns the identity that a request asks for, or "" if the machine does not have it.
func (m *Machine) identity(clientID string) string {
	switch {
	case clientID == "" && m.System == "" && len(m.User) == 1:
		return m.User[0]
	case clientID == "":
		return m.System
	case m.User == nil || clientID == m.System || slices.Contains(m.User, clientID):
		return clientID
	default:
		return ""
	}
}

func refuse(w http.ResponseWriter, status int, description string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request", "error_description": description})
}

func (m *Machine) issue(w http.ResponseWriter, r *http.Request) {
	clientID := m.identity(r.FormValue("client_id"))
	if clientID == "" {
		refuse(w, http.StatusBadRequest, "Identity not found")
		return
	}
	assertion, err := m.Issuer.Sign(azure.Assertion{Subject: m.Subject})
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	client := m.Azure.Client()
	defer client.CloseIdleConnections()
	resp, err := client.PostForm("https://login.microsoftonline.com/"+m.Tenant+"/oauth2/v2.0/token", url.Values{
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
