package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
)

// rereadInterval is how often the settings file is looked at. The kubelet brings an edit of a ConfigMap after
// up to a minute anyway.
const rereadInterval = 10 * time.Second

// reloader makes edits of the settings file take effect. An edit that cannot be used, or that needs what only
// a new pod has, is refused: the running settings stay, and status and log say so.
type reloader struct {
	options   options
	level     *slog.LevelVar
	logs      *logs
	stores    *stores
	announcer *reload.Reloader
	loop      *certsync.Loop
	state     *health.State
	log       *slog.Logger

	mu      sync.Mutex
	running *settings
	refused string // why the last edit was
}

// start notes the settings that the process begins with, and says if these are not the newest.
func (r *reloader) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	keepGood(r.options, r.running, r.log)
	if err := r.running.refused; err != nil {
		r.refuse(err)
	}
}

// watch looks at the file until ctx ends.
func (r *reloader) watch(ctx context.Context) {
	ticker := time.NewTicker(rereadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.reread()
		case <-ctx.Done():
			return
		}
	}
}

// syncNow takes over an edit at once, and polls. The channel is closed when the poll is over.
func (r *reloader) syncNow() <-chan struct{} {
	r.reread()
	return r.loop.SyncNow()
}

func (r *reloader) reread() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running.file == "" {
		return
	}
	o := r.options
	o.settings = r.running.file // which may be gone
	next, err := loadSettings(o)
	if err == nil && next.text == r.running.text {
		r.accept()
		return
	}
	if err == nil && o.host {
		err = needsRestart(r.running, next)
	} else if err == nil {
		err = needsNewPod(r.running, next)
	}
	if err != nil {
		r.refuse(err)
		return
	}
	r.log.Info("settings have changed", "file", next.file, "certificates", len(next.Certificates))
	next.logWarnings(r.log)
	r.accept()
	if next.Reload != r.running.Reload {
		r.announcer.Configure(reload.To(next.Reload))
	}
	r.running = next
	keepGood(r.options, next, r.log)
	r.level.Set(next.LogLevel)
	r.logs.configure(next.Logging)
	r.stores.configure(next)
	r.loop.Change(next.loop())
}

func (r *reloader) accept() {
	r.refused = ""
	r.state.Notice("")
}

// refuse says once what is wrong.
func (r *reloader) refuse(err error) {
	if text := err.Error(); text != r.refused {
		r.refused = text
		r.log.Error("changed settings are refused, the running ones stay", "error", err)
		r.state.Notice("changed settings are refused, the running ones stay: " + text)
	}
}
