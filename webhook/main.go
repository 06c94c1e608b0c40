// Command webhook is the admission webhook of azure-cert-sync: it gives labelled pods an identity of Microsoft Entra ID, and
// the certificate sidecar where certificates are asked for.
//
// It reads its flags, which flags.go lists, connects to the API server that it runs under, and serves
//
//	--port            /mutate-v1-pod, by TLS
//	--health-address  /healthz (the process runs) and /readyz (an admission would be answered at once)
//	--metrics-address /metrics
//
// until SIGTERM, when it first turns unready, then goes on serving while the news spreads, then stops. It exits with
// 0 after that, 1 when it cannot go on, and 2 when a flag is wrong.
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

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// version is set by the linker.
var version = "dev"

func main() {
	o, err := parseFlags(os.Args[1:], os.Getenv, os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "webhook: %v\n", err)
		os.Exit(2)
	case o.showVersion:
		fmt.Println(version, runtime.Version())
		return
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.logLevel}))
	slog.SetDefault(log) // also for what net/http says by way of package log
	klog.SetSlogLogger(log)
	ctrllog.SetLogger(logr.FromSlogHandler(log.Handler()))
	log.Info("webhook starting", "version", version, "go", runtime.Version(), "cpus", runtime.GOMAXPROCS(0))

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err = run(ctx, o, log)
	stop()
	if err != nil {
		log.Error("webhook stopped", "error", err)
		os.Exit(1)
	}
	log.Info("webhook stopped")
}
