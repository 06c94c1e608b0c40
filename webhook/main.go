// Command webhook is the admission webhook of azure-cert-sync. It gives labelled pods an identity
// of Microsoft Entra ID, and the certificate sidecar if they request certificates.
//
// It reads its flags, which flags.go lists, connects to the API server of its cluster, and serves
//
//	--port            /mutate-v1-pod, by TLS
//	--health-address  /healthz (the process runs) and /readyz (the replica can respond to admissions)
//	--metrics-address /metrics
//
// On SIGTERM it becomes not ready, continues to serve until clients know that, and stops. It exits
// with 0 then, with 1 if it fails, and with 2 if a flag is wrong.
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
	slog.SetDefault(log) // also for the messages of net/http, which uses package log
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
