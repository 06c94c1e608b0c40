// Package forward sends log records to fluentd, or to what else speaks its forward protocol, as the settings of the
// Key Vault VM extension ask for.
//
// It guarantees that writing a record never waits: there is a queue of bounded length, and what does not fit is
// dropped and counted, as is what cannot be sent before the end. It connects again, with backoff, whenever the
// connection is lost, or is not there yet.
// It never fails the program, never sends what was not logged, and never logs to itself.
//
// The protocol's acknowledgements (the option "chunk") are not asked for: every record is on standard error, too, and
// not everything that speaks the protocol answers. So records that were under way when the connection broke may be lost
// without being counted; a warning on standard error says when that was.
//
// Source: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
package forward

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/backoff"
)

// Limits.
const (
	// queueLength is some minutes of a bad day's log: mostly less than 100 KB, and 4 MB at worst.
	queueLength = 256
	maxRecord   = 16 << 10

	connectTimeout = 5 * time.Second
	writeTimeout   = 5 * time.Second
	maxBackoff     = 30 * time.Second
	// flushTime is what is left for the queue when the program ends.
	flushTime = 250 * time.Millisecond
)

// Forwarder is an io.Writer for a slog.JSONHandler. Make it with New, and let Run run.
type Forwarder struct {
	address string
	tag     string
	dial    func(context.Context) (net.Conn, error)
	dropped func()
	log     *slog.Logger
	queue   chan []byte
	full    chan struct{} // has one element while records are being dropped
}

// New returns a Forwarder to an endpoint, tcp://host:port. dropped is called for every record that is lost; log,
// which must not lead here, is told once when that begins, and when the connection fails.
func New(endpoint, tag string, dropped func(), log *slog.Logger) *Forwarder {
	address := strings.TrimPrefix(endpoint, "tcp://")
	return &Forwarder{
		address: address, tag: tag, dropped: dropped, log: log,
		dial: func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "tcp", address)
		},
		queue: make(chan []byte, queueLength), full: make(chan struct{}, 1),
	}
}

// Write queues one record, a JSON object. It does not wait. The error says that it is no JSON object.
func (f *Forwarder) Write(record []byte) (int, error) {
	message, err := encode(f.tag, time.Now(), record)
	if err != nil {
		f.dropped()
		return 0, err
	}
	if len(message) > maxRecord {
		f.dropped()
		return len(record), nil
	}
	select {
	case f.queue <- message:
	default:
		f.dropped()
		select {
		case f.full <- struct{}{}:
			f.log.Warn("log records are dropped: the log endpoint does not take them", "endpoint", f.address)
		default: // has been said
		}
	}
	return len(record), nil
}

// Run sends until ctx ends, and then for a moment what is left.
func (f *Forwarder) Run(ctx context.Context) {
	failures := 0 // in a row, without a connection that lasted
	var unsent []byte
	for ctx.Err() == nil {
		began := time.Now()
		conn, err := f.dial(ctx)
		if err == nil {
			unsent, err = f.send(ctx, conn, unsent), errBroken
			conn.Close()
		}
		if time.Since(began) > maxBackoff {
			failures = 0
		}
		failures++
		if failures == 1 && ctx.Err() == nil {
			f.log.Warn("log endpoint cannot be reached, it is tried again", "endpoint", f.address, "error", err)
		}
		pause(ctx, backoff.Wait(failures, maxBackoff))
	}
	f.flush(unsent)
}

var errBroken = errors.New("the connection has ended: records that were under way may be lost")

// send writes records until the connection breaks or ctx ends. It returns the record that could not be written.
func (f *Forwarder) send(ctx context.Context, conn net.Conn, unsent []byte) []byte {
	gone := closed(conn)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Now()) })
	defer stop()
	for {
		if unsent == nil {
			select {
			case unsent = <-f.queue:
			case <-gone:
				return nil
			case <-ctx.Done():
				return nil
			}
		}
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // fails where the next write does
		if ctx.Err() != nil {
			return unsent
		}
		if _, err := conn.Write(unsent); err != nil {
			return unsent
		}
		unsent = nil
		select {
		case <-f.full: // there is room again
		default:
		}
	}
}

// closed returns a channel that is closed when the other side is done: a write alone would find out one record too late.
func closed(conn net.Conn) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		buffer := make([]byte, 64)
		for {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
		}
	}()
	return gone
}

// flush sends what is queued, if the endpoint is there and takes it at once; what is lost is counted, and said.
func (f *Forwarder) flush(unsent []byte) {
	if unsent == nil && len(f.queue) == 0 {
		return
	}
	deadline := time.Now().Add(flushTime)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	if conn, err := f.dial(ctx); err == nil {
		defer conn.Close()
		_ = conn.SetWriteDeadline(deadline) // fails where the next write does
		unsent = f.drain(conn, unsent)
	}
	lost := len(f.queue)
	if unsent != nil {
		lost++
	}
	for range lost {
		f.dropped()
	}
	if lost > 0 {
		f.log.Warn("log records are lost: the log endpoint did not take them before the end", "endpoint", f.address, "records", lost)
	}
}

// drain writes what is queued. It returns the record that could not be written.
func (f *Forwarder) drain(conn net.Conn, unsent []byte) []byte {
	for {
		if unsent == nil {
			select {
			case unsent = <-f.queue:
			default:
				return nil
			}
		}
		if _, err := conn.Write(unsent); err != nil {
			return unsent
		}
		unsent = nil
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
