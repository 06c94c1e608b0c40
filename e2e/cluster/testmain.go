package cluster

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// RunTests is for the TestMain of a package whose tests use a cluster: it calls Up, hands the cluster to use, runs the
// tests, releases the cluster, and returns the exit code. A Ctrl-C (SIGINT) or SIGTERM releases it too and ends the
// process with code 130. Packages that "go test ./..." runs side by side share one node of one name: the first starts
// it, the last takes it away.
//
//	func TestMain(m *testing.M) {
//		os.Exit(cluster.RunTests(m, cluster.Options{}, func(c *cluster.Cluster) { shared = c }))
//	}
func RunTests(m interface{ Run() int }, o Options, use func(*Cluster)) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := Up(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	use(c)
	code := make(chan int, 1)
	go func() { code <- m.Run() }()
	result := 130
	select {
	case result = <-code:
	case <-ctx.Done(): // the tests themselves know nothing of it and end with the process
	}
	if err := c.Release(context.WithoutCancel(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(result, 1)
	}
	return result
}
