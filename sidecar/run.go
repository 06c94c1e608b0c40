package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certfiles"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/config"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/keyvault"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/logs"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/service"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/systemd"
)

// announcedFile contains which renewals were announced. It is in options.stateDir.
const announcedFile = "announced.json"

// run syncs once, or until ctx ends. The error is why it failed.
func run(ctx context.Context, o *options, c *config.Loaded) error {
	level := new(slog.LevelVar)
	metrics := health.NewMetrics()
	logs, log, err := logs.New(o.logFile, level, metrics.LogDropped, service.LogHandlers(level)...)
	if err != nil {
		return err
	}
	defer logs.Close()
	level.Set(c.LogLevel)
	logs.Configure(c.Logging)
	c.LogWarnings(log)

	client, err := azhttp.New(azhttp.Options{ExtraCA: []byte(os.Getenv(contract.EnvExtraCA)), Where: o.where()})
	if err != nil {
		return err
	}
	identify, err := identities(o.where(), c, client, metrics)
	if err != nil {
		return err
	}
	vaults := keyvault.New(o.where(), identify, client.Options(azhttp.ServiceKeyVault, metrics.Observe))
	observer := &observer{State: health.New(metrics), systemd: systemd.New(log), status: &o.status, log: log}
	observer.announcer = reload.New(filepath.Join(o.stateDir(), announcedFile), observer.Announced, log)
	observer.announcer.Configure(reload.To(o.where(), c.Reload))
	if c.PollingInterval > closeIdleAbove {
		observer.memory.closeIdle = client.CloseIdleConnections
	}
	p := &process{
		options: o, level: level, logs: logs, log: log, state: observer.State, status: observer.status, announcer: observer.announcer,
		stores: newStores(o, c.KeystorePasswordFile),
	}
	p.loop = certsync.New(loopSettings(c), certfiles.NewSource(vaults), p.stores, observer, log)
	p.report(c)
	p.watcher = config.NewWatcher(o.config(), c, p, log)
	p.watcher.Start()
	log.Info("starting", "version", buildinfo.Get().Version, "certificates", len(c.Certificates), "pollingInterval", c.PollingInterval.String())
	if o.once {
		return p.once(ctx)
	}
	return p.keep(ctx, c.Port, newEndpoint(client, metrics, log))
}

// errStalled ends the process; the kubelet or the service manager starts it again.
var errStalled = errors.New("the sync loop has stalled for five minutes: exiting for a restart")

// endTime limits how long the end of the loop may take. It is safe not to wait for what hangs: the
// stores are consistent at every moment.
const endTime = time.Second

// keep runs the loop and everything beside it until ctx ends.
func (p *process) keep(ctx context.Context, port int, endpoint http.Handler) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	// Before the probes, which let the app start.
	if err := serveMetadata(ctx, p.options, endpoint, cancel); err != nil {
		return err
	}
	if err := p.serve(ctx, port, cancel); err != nil {
		return err
	}
	go p.watcher.Run(ctx)
	go p.announcer.Run(ctx)
	go p.syncOn(ctx, hangup)
	go endStalled(ctx, p.state, cancel)
	ended := make(chan struct{})
	go func() {
		p.loop.Run(ctx)
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
	p.log.Info("shutting down; certificates are kept")
	return nil
}

// endStalled ends a process whose loop hangs, and reports the last state.
func endStalled(ctx context.Context, state *health.State, end context.CancelCauseFunc) {
	if state.Stalled(ctx) {
		_, reason := state.Ready()
		end(fmt.Errorf("%w; last state: %s", errStalled, reason))
	}
}
