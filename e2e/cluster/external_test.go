package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// visitorVariable makes the test program use an existing cluster: see testExternal.
const visitorVariable = "CERTSYNC_TEST_VISITOR"

func TestMain(m *testing.M) {
	if os.Getenv(visitorVariable) == "" {
		os.Exit(m.Run())
	}
	if err := visit(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// visit uses an existing cluster, and prints the reference of the image that it delivered.
func visit(ctx context.Context) error {
	c, err := Up(ctx, Options{})
	if err != nil {
		return err
	}
	if !c.External() {
		return errors.New("this is not an external cluster")
	}
	image, err := c.BusyboxImage(ctx)
	if err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, "create", "namespace", "visited"); err != nil {
		return err
	}
	fmt.Println(image)
	return errors.Join(c.Release(ctx), c.Down(ctx))
}

// testExternal starts a process that uses the node as an external cluster: it gets the kubeconfig
// and a registry from environment variables, pushes an image, and the node pulls it. The registry
// and the process run in the node's network namespace.
func testExternal(t *testing.T, c *Cluster) {
	const registry = "127.0.0.1:5000"
	serveRegistry(t, c, registry)
	visitor := c.Command(t.Context(), os.Args[0])
	visitor.Env = append(visitor.Env, visitorVariable+"=1", registryVariable+"="+registry+"/certsync")
	out, err := output(visitor)
	if err != nil {
		t.Fatal(err)
	}
	image := strings.TrimSpace(string(out))
	if !strings.HasPrefix(image, registry+"/certsync/certsync-busybox:") {
		t.Errorf("reference %q", image)
	}
	kubectl(t, c, "run", "pulled", "--image="+image, "--restart=Never", "--namespace=visited", "--", "-c", "sleep 1000")
	kubectl(t, c, "wait", "pod/pulled", "--namespace=visited", "--for=condition=Ready", "--timeout=60s")
}

// serveRegistry runs a registry in the node's network namespace until the test ends.
func serveRegistry(t *testing.T, c *Cluster, addr string) {
	t.Helper()
	crane, err := Program(t.Context(), t.Output(), "crane")
	if err != nil {
		t.Fatal(err)
	}
	cmd := c.Command(t.Context(), crane, "registry", "serve", "--address="+addr)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		conn, err := c.Dial(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the registry does not listen: %v: %s", err, said.String())
		case <-time.After(pollInterval):
		}
	}
}

func TestExternalNeedsBothVariables(t *testing.T) {
	t.Setenv(registryVariable, "registry.invalid/certsync")
	t.Setenv(kubeconfigVariable, "")
	if _, err := Up(t.Context(), Options{Log: t.Output()}); err == nil || !strings.Contains(err.Error(), "KUBECONFIG") {
		t.Errorf("error %v, want one that asks for KUBECONFIG", err)
	}
}
