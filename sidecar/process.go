package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certfiles"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/config"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/logs"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/statusfile"
)

// process is a running certsync: the parts that are connected to each other. It is the
// config.Target.
type process struct {
	options   *options
	level     *slog.LevelVar
	logs      *logs.Logs
	log       *slog.Logger
	state     *health.State
	status    *statusfile.Files
	stores    stores
	announcer *reload.Announcer
	loop      *certsync.Loop[certfiles.Content]
	watcher   *config.Watcher
}

// Apply implements config.Target.
func (p *process) Apply(running, next *config.Loaded) {
	if next.Reload != running.Reload {
		p.announcer.Configure(reload.To(p.options.where(), next.Reload))
	}
	p.level.Set(next.LogLevel)
	p.logs.Configure(next.Logging)
	p.report(next)
	p.stores.SetPasswordFile(next.KeystorePasswordFile)
	p.loop.Change(loopSettings(next))
}

// report adapts the status to the settings.
func (p *process) report(c *config.Loaded) {
	p.status.SetSequence(c.Sequence)
	p.state.StartIsSuccess(p.options.host && !c.RequireInitialSync)
}

// Notice implements config.Target.
func (p *process) Notice(text string) { p.state.Notice(text) }

func loopSettings(c *config.Loaded) certsync.Settings {
	return certsync.Settings{
		Certificates: c.Certificates, Interval: c.PollingInterval, RequireInitialSync: c.RequireInitialSync,
	}
}

// once syncs. On a host it also announces renewals, and fails if a certificate is not up to date.
// In a pod that starts, no app runs yet, and versions from before let it start without Key Vault.
func (p *process) once(ctx context.Context) error {
	err := p.loop.Once(ctx, p.options.host)
	if p.options.host {
		err = errors.Join(err, p.announcer.Once(ctx))
	}
	return err
}

// syncNow checks the settings file and polls. The channel is closed when the poll is over.
func (p *process) syncNow() <-chan struct{} {
	p.watcher.Check()
	return p.loop.SyncNow()
}

func (p *process) syncOn(ctx context.Context, hangup <-chan os.Signal) {
	for {
		select {
		case <-hangup:
			p.syncNow()
		case <-ctx.Done():
			return
		}
	}
}
