package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
)

// up starts a node, or connects to a running one.
func up(t *testing.T, o Options) *Cluster {
	t.Helper()
	c, err := Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// downAtEnd removes the node when the test ends, also if it failed.
func downAtEnd(t *testing.T, o Options) {
	t.Cleanup(func() {
		if err := Down(context.WithoutCancel(t.Context()), Options{Name: o.Name, Log: t.Output()}); err != nil {
			t.Error(err)
		}
	})
}

func clientset(t *testing.T, c *Cluster) *kubernetes.Clientset {
	t.Helper()
	client, err := c.Clientset()
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func kubectl(t *testing.T, c *Cluster, args ...string) string {
	t.Helper()
	out, err := c.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// runPod runs a shell script in a pod and returns the pod once it is ready.
func runPod(t *testing.T, c *Cluster, name, script string) *corev1.Pod {
	t.Helper()
	image, err := c.BusyboxImage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "run", name, "--image="+image, "--restart=Never", "--", "-c", script)
	kubectl(t, c, "wait", "pod/"+name, "--for=condition=Ready", "--timeout=60s")
	var pod corev1.Pod
	if err := json.Unmarshal([]byte(kubectl(t, c, "get", "pod", name, "--output=json")), &pod); err != nil {
		t.Fatal(err)
	}
	return &pod
}

func killProgram(t *testing.T, n *node, program string) {
	t.Helper()
	found, err := running(n.init, n.programs[program])
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: processes %v, error %v", program, found, err)
	}
	if err := kill(t.Context(), found[0]); err != nil {
		t.Fatal(err)
	}
}

func readlink(t *testing.T, path string) string {
	t.Helper()
	target, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// hold opens a namespace's file. While the file is open, a later namespace cannot get the same
// number.
func hold(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// assertNamespaceGone checks that a network namespace has no processes.
func assertNamespaceGone(t *testing.T, namespace *os.File) {
	t.Helper()
	held, err := namespace.Stat()
	if err != nil {
		t.Fatal(err)
	}
	found, err := processes(func(dir string) bool {
		its, err := os.Stat(filepath.Join(dir, "ns/net"))
		return err == nil && os.SameFile(its, held)
	})
	if err != nil || len(found) > 0 {
		t.Errorf("processes %v are left in the network of %s (error %v)", found, namespace.Name(), err)
	}
}

// assertNothingLeft looks for traces of a node without using the functions under test, which remove
// them.
func assertNothingLeft(t *testing.T, name string) {
	t.Helper()
	for _, pattern := range []string{"/var/tmp/" + name, "/run/lock/" + name + "*", "/sys/fs/cgroup/" + name, "/sys/fs/cgroup/*/" + name, "/run/netns/*"} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("left: %q (error %v)", left, err)
		}
	}
	for _, file := range []string{"mountinfo", "cmdline", "cgroup"} {
		found, err := processes(func(dir string) bool {
			text, err := os.ReadFile(filepath.Join(dir, file))
			return err == nil && strings.Contains(string(text), name) && dir != fmt.Sprint("/proc/", os.Getpid())
		})
		if err != nil || len(found) > 0 {
			t.Errorf("processes %v have %s in their %s (error %v)", found, name, file, err)
		}
	}
}

// fetch returns the response of a web server. It retries, because a pod may be ready a moment
// before its program listens.
func fetch(t *testing.T, c *Cluster, addr string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	transport := &http.Transport{DialContext: c.Dial}
	defer transport.CloseIdleConnections()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err == nil {
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			return string(body)
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(pollInterval):
		}
	}
}

// verifyToken checks the signature and the issuer of a service account's token, as a relying party
// does.
func verifyToken(t *testing.T, token, issuer string, jwks []byte) {
	t.Helper()
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &keys); err != nil {
		t.Fatal(err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := parsed.Claims(keys, &claims); err != nil {
		t.Fatalf("the published keys do not verify it: %v", err)
	}
	if err := claims.Validate(jwt.Expected{Issuer: issuer, Time: time.Now()}); err != nil {
		t.Error(err)
	}
}
