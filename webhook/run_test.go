package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// configurationServer is an API server that has only a MutatingWebhookConfiguration, from the
// moment on when released is closed.
type configurationServer struct {
	list     *admissionregistrationv1.MutatingWebhookConfigurationList
	released chan struct{}
}

func (s *configurationServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch q := r.URL.Query(); {
	case !strings.HasSuffix(r.URL.Path, "/mutatingwebhookconfigurations"):
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
	case q.Get("sendInitialEvents") != "":
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"sendInitialEvents is forbidden"}`)
	case q.Get("watch") != "":
		<-r.Context().Done()
	default:
		select {
		case <-s.released:
			_ = json.NewEncoder(w).Encode(s.list)
		case <-r.Context().Done():
		}
	}
}

// A replica without a certificate does not listen: a client would get a TLS error. It listens as
// soon as it has one.
func TestListenWithCertificate(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	serving, key := ca.sign(&x509.Certificate{DNSNames: []string{"azure-cert-sync-webhook.n.svc"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	write(t, filepath.Join(dir, "tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: serving.Raw}))
	write(t, filepath.Join(dir, "tls.key"), encodeKey(t, key))
	api := &configurationServer{released: make(chan struct{}), list: &admissionregistrationv1.MutatingWebhookConfigurationList{
		TypeMeta: metav1.TypeMeta{Kind: "MutatingWebhookConfigurationList", APIVersion: "admissionregistration.k8s.io/v1"},
		ListMeta: metav1.ListMeta{ResourceVersion: "1"},
		Items: []admissionregistrationv1.MutatingWebhookConfiguration{{
			ObjectMeta: metav1.ObjectMeta{Name: "azure-cert-sync-webhook"},
			Webhooks:   []admissionregistrationv1.MutatingWebhook{{ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: []byte(ca.pem())}}},
		}},
	}}
	server := httptest.NewServer(api)
	defer server.Close()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	write(t, kubeconfig, fmt.Appendf(nil, "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %q}}]\n"+
		"contexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n", server.URL))
	address, health := freeAddress(t), freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	o, err := parseFlags([]string{"--kubeconfig=" + kubeconfig, "--namespace=n", "--sidecar-image=i", "--tls-cert-dir=" + dir, "--drain=0",
		"--port=" + port, "--health-address=" + health, "--metrics-address=127.0.0.1:0"}, os.Getenv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, o, slog.New(slog.DiscardHandler)) }()
	defer func() {
		cancel()
		server.CloseClientConnections()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	await(t, func() error {
		resp, err := http.Get("http://" + health + "/readyz")
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Error("the replica listens though it has no certificate yet")
	}
	close(api.released)
	await(t, func() error {
		c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil && strings.Contains(err.Error(), "tls:") {
			t.Fatalf("the replica listens but serves no certificate: %v", err)
		}
		if err == nil {
			_ = c.Close()
		}
		return err
	})
}

// await repeats do until it succeeds.
func await(t *testing.T, do func() error) {
	t.Helper()
	for ctx := t.Context(); ; {
		err := do()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func encodeKey(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
