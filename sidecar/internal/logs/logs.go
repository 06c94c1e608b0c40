// Package logs sends the program's log to standard error, to the log endpoint of the settings, and
// on Windows to the Event Log.
//
// It guarantees that all of them receive the same records, and that writing a record to the
// endpoint never waits.
package logs

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/forward"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/logfile"
)

// Logs is the log of the process. It is the io.Writer of another JSON handler, so that the endpoint
// receives the same records as standard error.
type Logs struct {
	dropped   func()
	stderr    *slog.Logger
	forwarder atomic.Pointer[forward.Forwarder]

	mu      sync.Mutex
	logging contract.Logging
	stop    func()
}

// New returns Logs, and the logger that writes to them and to other handlers. An empty file stands
// for none. dropped is called for every record that the endpoint does not get.
func New(file string, level slog.Leveler, dropped func(), others ...slog.Handler) (*Logs, *slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level}
	stderr := slog.NewJSONHandler(os.Stderr, options)
	l := &Logs{dropped: dropped, stderr: slog.New(stderr), stop: func() {}}
	handlers := slices.Concat(others, []slog.Handler{stderr, slog.NewJSONHandler(l, options)})
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
func (l *Logs) Write(record []byte) (int, error) {
	if f := l.forwarder.Load(); f != nil {
		return f.Write(record)
	}
	return len(record), nil
}

// Configure changes the log endpoint.
func (l *Logs) Configure(s contract.Logging) {
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
func (l *Logs) start(s contract.Logging) (stop func()) {
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

// endTime limits how long Close may take.
const endTime = time.Second

// Close sends the remaining records, for at most a quarter of a second. Lost records are reported
// on standard error, but Close does not wait for that: it may be a pipe without a reader, and the
// process must end all the same.
func (l *Logs) Close() {
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
