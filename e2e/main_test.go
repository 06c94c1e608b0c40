// Package e2e tests azure-cert-sync as users run it: on a real API server and kubelet, installed
// with Helm. Entra ID and Key Vault are emulated under their real names. If KUBECONFIG and
// E2E_REGISTRY are set, the tests use that cluster.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// testEnv is shared by all tests of the package. Each test uses its own namespaces and
// certificates.
var testEnv *framework.Environment

func TestMain(m *testing.M) {
	flag.Parse()
	// Tests mostly wait for the cluster, so more of them run in parallel than there are processors.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := framework.New(os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := s.Close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	if err := s.Up(ctx, cluster.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// An interrupt returns from here, so that the cluster is removed.
	done := make(chan int, 1)
	testEnv = s
	go func() { done <- m.Run() }()
	select {
	case code = <-done:
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr, "interrupted: removing the cluster")
		code = 130
	}
	return code
}
