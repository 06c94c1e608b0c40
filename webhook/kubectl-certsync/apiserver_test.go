package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
)

// apiServer is etcd and the API server, without controllers and nodes.
type apiServer struct {
	kubectl    string
	kubeconfig []byte
}

// startTime is how long the API server may take to be ready. It is long for slow machines.
const startTime = 3 * time.Minute

// users have these tokens. Only the first has permissions.
const users = "admin-token,admin,1,system:masters\nnobody-token,nobody,2\n"

// startAPIServer starts the pinned programs on free ports, and stops them when the test ends.
func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	program := func(name string) string {
		path, err := cluster.Program(ctx, t.Output(), name)
		check(t, err)
		return path
	}
	client, peer, secure := freePort(t), freePort(t), freePort(t)
	run(t, dir, program("etcd"), "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync", "--log-level=error",
		"--listen-client-urls="+client, "--advertise-client-urls="+client, "--listen-peer-urls="+peer,
		"--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
	key, tokens := filepath.Join(dir, "service-account.key"), filepath.Join(dir, "tokens.csv")
	writeKey(t, key)
	check(t, os.WriteFile(tokens, []byte(users), 0o600))
	_, port, err := net.SplitHostPort(secure[len("http://"):])
	check(t, err)
	run(t, dir, program("kube-apiserver"), "--etcd-servers="+client, "--secure-port="+port, "--bind-address=127.0.0.1",
		"--cert-dir="+filepath.Join(dir, "certs"), "--token-auth-file="+tokens, "--authorization-mode=RBAC",
		"--service-account-issuer=https://oidc.example.com/cluster/", "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--service-cluster-ip-range=10.96.0.0/16", "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none")
	s := &apiServer{kubectl: program("kubectl"), kubeconfig: fmt.Appendf(nil, kubeconfig, port)}
	s.await(t)
	return s
}

// kubeconfig has a context for each user. The API server creates its certificate itself.
const kubeconfig = `apiVersion: v1
kind: Config
current-context: admin
clusters:
- {name: test, cluster: {server: "https://127.0.0.1:%s", insecure-skip-tls-verify: true}}
users:
- {name: admin, user: {token: admin-token}}
- {name: nobody, user: {token: nobody-token}}
contexts:
- {name: admin, context: {cluster: test, user: admin, namespace: shop}}
- {name: nobody, context: {cluster: test, user: nobody, namespace: shop}}
`

// await waits until the API server is ready.
func (s *apiServer) await(t *testing.T) {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(s.kubeconfig)
	check(t, err)
	client, err := kubernetes.NewForConfig(config)
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	for {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the API server is not ready: %v", err)
		}
	}
}

// run starts a program, and kills it when the test ends. If the test fails, the log shows the
// program's output.
func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &output, &output
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s:\n%.4000s", filepath.Base(program), output.String())
		}
	})
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return "http://" + l.Addr().String()
}

func writeKey(t *testing.T, file string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	check(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
