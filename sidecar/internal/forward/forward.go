// Package forward sends log records to fluentd, or to another program that supports its forward
// protocol, as the settings of the Key Vault VM extension define.
//
// It guarantees that writing a record never blocks. The length of the queue is limited. Records
// that do not fit, or that cannot be sent before shutdown, are dropped and counted. If the
// connection is lost or cannot be opened, it connects again, with backoff.
//
// Its failures never end the program. It never sends anything but log records, and never logs to
// itself.
//
// It does not use the protocol's acknowledgements (the option "chunk"), because every record is
// also on standard error, and not every program that supports the protocol sends them. So records
// in transit may be lost without being counted when the connection closes. A warning on standard
// error reports this.
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

// Limits of a Forwarder.
const (
	// queueLength is enough for several minutes of frequent errors. The queue usually needs less
	// than 100 KB, and at most 4 MB.
	queueLength = 256
	maxRecord   = 16 << 10

	connectTimeout = 5 * time.Second
	writeTimeout   = 5 * time.Second
	maxBackoff     = 30 * time.Second
	// flushTime is the time to send the queue at shutdown.
	flushTime = 250 * time.Millisecond
)

// Forwarder is an io.Writer for a slog.JSONHandler. Create it with New, and call Run.
type Forwarder struct {
	address string
	tag     string
	dial    func(context.Context) (net.Conn, error)
	dropped func()
	log     *slog.Logger
	queue   chan []byte
	full    chan struct{} // has one element while records are being dropped
}

// New returns a Forwarder to an endpoint, tcp://host:port or unix:///path of a socket. dropped is
// called for every record that is not sent. The first of them, and a failure of the connection, are
// logged to log, which must not write to this Forwarder.
func New(endpoint, tag string, dropped func(), log *slog.Logger) *Forwarder {
	network, address, _ := strings.Cut(endpoint, "://")
	return &Forwarder{
		address: address, tag: tag, dropped: dropped, log: log,
		dial: func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, network, address)
		},
		queue: make(chan []byte, queueLength), full: make(chan struct{}, 1),
	}
}

// Write queues one record, which is a JSON object. It does not block. It returns an error if the
// record is not a JSON object.
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
			f.log.Warn("log records dropped: the log endpoint does not accept them fast enough", "endpoint", f.address)
		default: // already logged
		}
	}
	return len(record), nil
}

// Run sends records until ctx ends, and then sends the rest of the queue for a short time.
func (f *Forwarder) Run(ctx context.Context) {
	failures := 0 // since the last connection that lasted
	var unsent []byte
	for ctx.Err() == nil {
		began := time.Now()
		conn, err := f.dial(ctx)
		if err == nil {
			unsent, err = f.send(ctx, conn, unsent), errClosed
			conn.Close()
		}
		if time.Since(began) > maxBackoff {
			failures = 0
		}
		failures++
		if failures == 1 && ctx.Err() == nil {
			f.log.Warn("log endpoint unreachable, retrying", "endpoint", f.address, "error", err)
		}
		pause(ctx, backoff.Wait(failures, maxBackoff))
	}
	f.flush(unsent)
}

var errClosed = errors.New("connection closed: records in transit may be lost")

// send writes records until the connection closes or ctx ends. It returns the record that could not
// be written.
func (f *Forwarder) send(ctx context.Context, conn net.Conn, unsent []byte) []byte {
	closed := watchClose(conn)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Now()) })
	defer stop()
	for {
		if unsent == nil {
			select {
			case unsent = <-f.queue:
			case <-closed:
				return nil
			case <-ctx.Done():
				return nil
			}
		}
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // if it fails, the next write fails, too
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

// watchClose returns a channel that is closed when the peer closes the connection. The write after
// that would still succeed, and its record would be lost.
func watchClose(conn net.Conn) <-chan struct{} {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		buffer := make([]byte, 64)
		for {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
		}
	}()
	return closed
}

// flush sends the queue if the endpoint accepts it in time. Lost records are counted and logged.
func (f *Forwarder) flush(unsent []byte) {
	if unsent == nil && len(f.queue) == 0 {
		return
	}
	deadline := time.Now().Add(flushTime)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	if conn, err := f.dial(ctx); err == nil {
		defer conn.Close()
		_ = conn.SetWriteDeadline(deadline) // if it fails, the next write fails, too
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
		f.log.Warn("log records lost: the log endpoint did not accept them before shutdown", "endpoint", f.address, "records", lost)
	}
}

// drain writes the queue. It returns the record that could not be written.
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
