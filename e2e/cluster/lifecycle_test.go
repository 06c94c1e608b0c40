package cluster

import (
	"context"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestLifecycle starts, uses, breaks and ends a node, step by step.
func TestLifecycle(t *testing.T) {
	t.Setenv(registryVariable, "")
	o := Options{Name: "certsync-lifecycle", Log: t.Output()}
	downAtEnd(t, o)
	c := up(t, o)

	t.Run("a second start finds the same node", func(t *testing.T) {
		again := up(t, o)
		if again.node.init != c.node.init {
			t.Errorf("process %d, then %d", c.node.init, again.node.init)
		}
		if got := kubectl(t, c, "get", "nodes", "--output=name"); got != "node/"+nodeName+"\n" {
			t.Errorf("nodes: %q", got)
		}
		if err := again.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := kubectl(t, c, "get", "--raw=/readyz"); got != "ok" {
			t.Errorf("after one of two users left: %q", got)
		}
	})
	t.Run("a node can be attached to", func(t *testing.T) {
		attached, err := Attach(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := attached.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := kubectl(t, attached, "get", "--raw=/readyz"); got != "ok" {
			t.Errorf("after a visitor left: %q", got)
		}
	})
	t.Run("pods run and are reached", func(t *testing.T) { testPods(t, c) })
	t.Run("images are built from Dockerfiles", func(t *testing.T) { testBuildImage(t, c) })
	t.Run("service account tokens can be verified", func(t *testing.T) { testServiceAccountKeys(t, c) })
	t.Run("a cluster that exists is used as it is", func(t *testing.T) { testExternal(t, c) })

	namespace := hold(t, c.node.netns())
	t.Run("a node that lost programs is replaced", func(t *testing.T) {
		killProgram(t, c.node, "kube-apiserver")
		killProgram(t, c.node, "kubelet")
		if _, err := Attach(t.Context(), o); err == nil || !strings.Contains(err.Error(), "does not run") {
			t.Errorf("attach to a broken node: error %v, want the name of the program that does not run", err)
		}
		c = up(t, o)
		if got := kubectl(t, c, "get", "pods", "--output=name"); got != "" {
			t.Errorf("the new node has pods: %q", got)
		}
		assertNamespaceGone(t, namespace)
	})
	t.Run("a node ends with its last user, however that ends", func(t *testing.T) {
		namespace := hold(t, c.node.netns())
		c.users.unlock() // as the kernel does when a process is killed
		for left := []int{0}; len(left) > 0; time.Sleep(pollInterval) {
			var err error
			if left, err = nodeProcesses(o.Name); err != nil || t.Context().Err() != nil {
				t.Fatalf("processes %v are left (error %v)", left, err)
			}
		}
		assertNamespaceGone(t, namespace)
		c = up(t, o)
	})
	t.Run("nothing is left", func(t *testing.T) {
		runPod(t, c, "last", "sleep 1000")
		namespace := hold(t, c.node.netns())
		if err := c.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
		assertNothingLeft(t, o.Name)
		assertNamespaceGone(t, namespace)
		if err := c.Down(t.Context()); err != nil {
			t.Errorf("the second time: %v", err)
		}
	})
}

// A cancelled start leaves nothing behind.
func TestCancelledStart(t *testing.T) {
	t.Setenv(registryVariable, "")
	o := Options{Name: "certsync-cancelled"}
	downAtEnd(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Log = cancelWriter{line: "start node", cancel: cancel}
	if c, err := Up(ctx, o); err == nil {
		t.Fatalf("%s was started although its start was cancelled", c.Name())
	}
	assertNothingLeft(t, o.Name)
}

// cancelWriter cancels a context at the first line of progress.
type cancelWriter struct {
	line   string
	cancel func()
}

func (w cancelWriter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.line) {
		w.cancel()
	}
	return len(p), nil
}

func testPods(t *testing.T, c *Cluster) {
	pod := runPod(t, c, "server", "echo hello >/tmp/index.html; echo started; exec httpd -f -p 8080 -h /tmp")
	if got := kubectl(t, c, "logs", "server"); got != "started\n" {
		t.Errorf("log: %q", got)
	}
	if got := kubectl(t, c, "exec", "server", "--", "id", "-u"); got != "65532\n" {
		t.Errorf("user ID: %q", got)
	}
	kubectl(t, c, "expose", "pod", "server", "--port=80", "--target-port=8080")
	ip := strings.TrimSpace(kubectl(t, c, "get", "service", "server", "--output=jsonpath={.spec.clusterIP}"))
	for what, addr := range map[string]string{"pod": pod.Status.PodIP + ":8080", "Service": ip + ":80"} {
		if got := fetch(t, c, addr); got != "hello\n" {
			t.Errorf("%s %s responds with %q", what, addr, got)
		}
	}
	if out, err := c.Helm(t.Context(), "list", "--output=json"); err != nil || strings.TrimSpace(out) != "[]" {
		t.Errorf("helm list: %q, %v", out, err)
	}
}

func testBuildImage(t *testing.T, c *Cluster) {
	spec := BuildSpec{Name: "certsync-hello", Context: "testdata/image", Dockerfile: "Dockerfile", Args: map[string]string{"GREETING": "hello"}}
	image, err := c.BuildImage(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Image(spec.Name); got != image {
		t.Errorf("Image(%q) = %q, want %q", spec.Name, got, image)
	}
	kubectl(t, c, "run", "hello", "--image="+image, "--restart=Never")
	kubectl(t, c, "wait", "pod/hello", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
	if got := kubectl(t, c, "logs", "hello"); got != "hello 65532\n" {
		t.Errorf("it said %q", got)
	}
	spec.Args["GREETING"] = "good-bye"
	if other, err := c.BuildImage(t.Context(), spec); err != nil || other == image {
		t.Errorf("another build argument: image %s, error %v", other, err)
	}
}

func testServiceAccountKeys(t *testing.T, c *Cluster) {
	issuer, jwks, err := c.ServiceAccountKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if issuer != serviceAccountIssuer {
		t.Errorf("issuer %s", issuer)
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"api://AzureADTokenExchange"}}}
	token, err := clientset(t, c).CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default", request, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	verifyToken(t, token.Status.Token, issuer, jwks)
}
