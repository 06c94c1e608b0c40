package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
)

// run syncs once, or until it is told to end. The error is why it could not.
func run(o options, s *settings) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more must not end the process
	level := new(slog.LevelVar)
	level.Set(s.LogLevel)
	metrics := health.NewMetrics()
	logs, log := newLogs(level, metrics.LogDropped)
	logs.configure(s.Logging)
	defer logs.close()
	s.logWarnings(log)
	tuneMemory()
	client, err := azhttp.New(azhttp.Options{ExtraCA: []byte(os.Getenv(contract.EnvExtraCA))})
	if err != nil {
		return err
	}
	identify, err := identities(s, client, metrics)
	if err != nil {
		return err
	}
	vaults := keyvault.New(identify, client.Options(azhttp.ServiceKeyVault, metrics.Observe))
	files := newStores(s)
	state := health.New(metrics)
	status := &statusFile{State: state, path: o.statusFile, log: log}
	announcer := reload.New(o.beside(announcedFile), status.Reloaded, log)
	announcer.Configure(reload.To(s.Reload))
	observer := frugal{Observer: announcing{status, announcer}}
	if s.PollingInterval > hangUpAbove {
		observer.hangUp = client.CloseIdleConnections
	}
	loop := certsync.New(s.loop(), &source{vaults: vaults}, files, observer, log)
	r := &reloader{
		options: o, level: level, logs: logs, stores: files, announcer: announcer, loop: loop, state: state, log: log, running: s,
	}
	r.start()
	log.Info("starting", "version", version, "certificates", len(s.Certificates), "pollingInterval", s.PollingInterval.String())
	if o.once {
		return once(ctx, r)
	}
	return keep(ctx, r, newEndpoint(client, metrics, log))
}

func (s *settings) loop() certsync.Settings {
	return certsync.Settings{
		Certificates: s.Certificates, Interval: s.PollingInterval, RequireInitialSync: s.RequireInitialSync,
	}
}

// once syncs, and tells of renewals if there may be somebody: in a pod that starts, there is nobody yet.
func once(ctx context.Context, r *reloader) error {
	err := r.loop.Once(ctx)
	if r.options.host {
		err = errors.Join(err, r.announcer.Once(ctx))
	}
	return err
}

// errStalled ends the process, so that it is started again.
var errStalled = errors.New("the sync loop has not turned for five minutes: ending, to be started anew")

// endTime is what the loop, and then the log, get to end. What hangs is not waited for: the stores stand an end at any point.
const endTime = time.Second

// keep runs the loop and everything beside it until ctx ends.
func keep(ctx context.Context, r *reloader, endpoint http.Handler) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	// First, since the probes let the app start.
	if err := serveMetadata(ctx, r.options, endpoint, cancel); err != nil {
		return err
	}
	if err := serve(ctx, r.options, r.running, r.state, r.syncNow, r.log, cancel); err != nil {
		return err
	}
	go r.watch(ctx)
	go r.announcer.Run(ctx)
	go syncOn(ctx, hangup, r.syncNow)
	go endStalled(ctx, r.state, cancel)
	ended := make(chan struct{})
	go func() {
		r.loop.Run(ctx)
		close(ended)
	}()
	<-ctx.Done()
	select {
	case <-ended:
	case <-time.After(endTime):
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	r.log.Info("told to end; the files stay")
	return nil
}

// endStalled ends a process whose loop hangs, and says where it stood.
func endStalled(ctx context.Context, state *health.State, end context.CancelCauseFunc) {
	if state.Stalled(ctx) {
		_, reason := state.Ready()
		end(fmt.Errorf("%w; before, it was: %s", errStalled, reason))
	}
}

func syncOn(ctx context.Context, hangup <-chan os.Signal, syncNow func() <-chan struct{}) {
	for {
		select {
		case <-hangup:
			syncNow()
		case <-ctx.Done():
			return
		}
	}
}
