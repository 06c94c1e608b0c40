package main

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/forward"
)

// logs is where the log goes: to standard error, and to the log endpoint where settings name one. It is the io.Writer
// of a second JSON handler, so that both get the same records.
type logs struct {
	dropped func()
	stderr  *slog.Logger
	to      atomic.Pointer[forward.Forwarder]

	mu      sync.Mutex
	logging contract.Logging
	stop    func()
}

// newLogs returns logs, and the logger that writes to both places.
func newLogs(level slog.Leveler, dropped func()) (*logs, *slog.Logger) {
	options := &slog.HandlerOptions{Level: level}
	stderr := slog.NewJSONHandler(os.Stderr, options)
	l := &logs{dropped: dropped, stderr: slog.New(stderr), stop: func() {}}
	return l, slog.New(slog.NewMultiHandler(stderr, slog.NewJSONHandler(l, options)))
}

// Write implements io.Writer for one record. It does not wait.
func (l *logs) Write(record []byte) (int, error) {
	if f := l.to.Load(); f != nil {
		return f.Write(record)
	}
	return len(record), nil
}

// configure makes the log go where settings say from now on.
func (l *logs) configure(s contract.Logging) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s == l.logging {
		return
	}
	l.logging = s
	former := l.stop
	l.stop = l.start(s)
	former() // last, so that nothing more gets there
}

// start makes the log go to an endpoint, or to none, and returns what ends that.
func (l *logs) start(s contract.Logging) (stop func()) {
	if s == (contract.Logging{}) {
		l.to.Store(nil)
		return func() {}
	}
	f := forward.New(s.Endpoint, s.ServiceName, l.dropped, l.stderr)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		f.Run(ctx)
		close(done)
	}()
	l.to.Store(f)
	return func() {
		cancel()
		<-done
	}
}

// close sends what is left, which takes a quarter of a second. It does not wait for standard error, to which lost records
// are told: that may be a pipe that nobody reads, and the process must end all the same.
func (l *logs) close() {
	ended := make(chan struct{})
	go func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(endTime):
	}
}
