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
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/logfile"
)

// logs sends the log to standard error, to the log file if there is one, and to the log endpoint if
// the settings name one. It is the io.Writer of another JSON handler, so that all receive the same
// records.
type logs struct {
	dropped   func()
	stderr    *slog.Logger
	forwarder atomic.Pointer[forward.Forwarder]

	mu      sync.Mutex
	logging contract.Logging
	stop    func()
}

// newLogs returns logs, and the logger that writes to all. An empty file stands for none. dropped
// is called for every record that the endpoint did not get.
func newLogs(file string, level slog.Leveler, dropped func()) (*logs, *slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level}
	stderr := slog.NewJSONHandler(os.Stderr, options)
	l := &logs{dropped: dropped, stderr: slog.New(stderr), stop: func() {}}
	handlers := []slog.Handler{stderr, slog.NewJSONHandler(l, options)}
	if file != "" {
		f, err := logfile.Open(file)
		if err != nil {
			return nil, nil, err
		}
		handlers = append(handlers, slog.NewJSONHandler(f, options))
	}
	return l, slog.New(slog.NewMultiHandler(handlers...)), nil
}

// Write implements io.Writer for one record. It does not wait.
func (l *logs) Write(record []byte) (int, error) {
	if f := l.forwarder.Load(); f != nil {
		return f.Write(record)
	}
	return len(record), nil
}

// configure changes the log endpoint.
func (l *logs) configure(s contract.Logging) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s == l.logging {
		return
	}
	l.logging = s
	stopPrevious := l.stop
	l.stop = l.start(s)
	stopPrevious() // now that it receives no more records
}

// start begins to forward to an endpoint, if there is one, and returns a function that stops it.
func (l *logs) start(s contract.Logging) (stop func()) {
	if s == (contract.Logging{}) {
		l.forwarder.Store(nil)
		return func() {}
	}
	f := forward.New(s.Endpoint, s.ServiceName, l.dropped, l.stderr)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		f.Run(ctx)
		close(done)
	}()
	l.forwarder.Store(f)
	return func() {
		cancel()
		<-done
	}
}

// close sends the remaining records, for at most a quarter of a second. Lost records are reported
// on standard error, but close does not wait for that: it may be a pipe without a reader, and the
// process must end all the same.
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
