// Package e2e tests azure-cert-sync as its users meet it: on a real API server and kubelet,
// installed by Helm, with Entra ID and Key Vault emulated under their real names. With KUBECONFIG
// and E2E_REGISTRY set it uses that cluster.
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

// testEnv is what all tests of the package share; each uses its own namespaces and certificates in
// it.
var testEnv *framework.Environment

func TestMain(m *testing.M) {
	flag.Parse()
	// Tests wait for the cluster most of the time, so that more of them run at once than there are
	// processors.
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
	// An interrupt ends the tests here, so that the cluster is taken away all the same.
	done := make(chan int, 1)
	testEnv = s
	go func() { done <- m.Run() }()
	select {
	case code = <-done:
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr, "interrupted: taking the cluster down")
		code = 130
	}
	return code
}
