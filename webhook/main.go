// Command webhook is the admission webhook of azure-cert-sync. It gives labelled pods a Microsoft
// Entra ID identity, and the certificate sidecar if they request certificates.
//
// It parses its flags (see flags.go), connects to the API server of its cluster, and serves
//
//	--port            /mutate-v1-pod, with TLS
//	--health-address  /healthz (the process runs) and /readyz (it can respond to an admission now)
//	--metrics-address /metrics
//
// until SIGTERM. Then it becomes unready, continues to serve until clients have noticed, and stops.
//
// "webhook admit-test" admits a pod by a dry run instead, and says what failed; "helm test" runs
// it.
//
// Exit codes: 0 after SIGTERM or a passed test; 1 failure at run time; 2 wrong flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"k8s.io/klog/v2"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == commandAdmitTest {
		os.Exit(admitTest(os.Args[2:]))
	}
	o, err := parseFlags(os.Args[1:], os.Getenv, os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "webhook: %v\n", err)
		os.Exit(contract.ExitUsage)
	case o.showVersion:
		fmt.Println("webhook", buildinfo.Get())
		return
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.logLevel}))
	slog.SetDefault(log) // also for package log, which net/http uses
	klog.SetSlogLogger(log)
	build := buildinfo.Get()
	log.Info("webhook starting", "version", build.Version, "commit", build.Commit, "go", build.Go, "cpus", runtime.GOMAXPROCS(0))

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err = run(ctx, o, log)
	stop()
	if err != nil {
		log.Error("webhook stopped", "error", err)
		os.Exit(contract.ExitFailure)
	}
	log.Info("webhook stopped")
}
