package forward_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluent/fluent-logger-golang/fluent"
	"github.com/google/go-cmp/cmp"
	"github.com/tinylib/msgp/msgp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/forward"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// endpoint is a fake fluentd. It decodes messages with fluentd's library for Go.
type endpoint struct {
	net.Listener
	messages chan fluent.MessageExt
	mu       sync.Mutex
	conns    []net.Conn
}

func listen(t *testing.T, address string) *endpoint {
	t.Helper()
	return listenOn(t, "tcp", address)
}

func listenOn(t *testing.T, network, address string) *endpoint {
	t.Helper()
	l, err := net.Listen(network, address)
	check(t, err)
	e := &endpoint{Listener: l, messages: make(chan fluent.MessageExt, 5000)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.conns = append(e.conns, conn)
			e.mu.Unlock()
			go e.read(conn)
		}
	}()
	t.Cleanup(e.stop)
	return e
}

func (e *endpoint) read(conn net.Conn) {
	reader := msgp.NewReader(conn)
	for {
		var m fluent.MessageExt
		if n, err := reader.ReadArrayHeader(); err != nil || n != 3 {
			return
		}
		var err error
		if m.Tag, err = reader.ReadString(); err != nil {
			return
		}
		if err = reader.ReadExtension(&m.Time); err != nil {
			return
		}
		if m.Record, err = reader.ReadIntf(); err != nil {
			return
		}
		e.messages <- m
	}
}

// stop closes the endpoint and all its connections.
func (e *endpoint) stop() {
	_ = e.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, conn := range e.conns {
		_ = conn.Close()
	}
}

func (e *endpoint) next(t *testing.T) fluent.MessageExt {
	t.Helper()
	select {
	case m := <-e.messages:
		return m
	case <-time.After(time.Minute):
		t.Fatal("no message received")
		return fluent.MessageExt{}
	}
}

// output is the log of a Forwarder about itself.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// fixture is a running Forwarder.
type fixture struct {
	log     *slog.Logger // writes to the Forwarder
	output  *output
	dropped atomic.Int64
	end     func()
}

func run(t *testing.T, address string) *fixture {
	t.Helper()
	return runTo(t, "tcp://"+address)
}

func runTo(t *testing.T, endpoint string) *fixture {
	t.Helper()
	r := &fixture{output: &output{}}
	f := forward.New(endpoint, "certsync", func() { r.dropped.Add(1) }, slog.New(slog.NewJSONHandler(r.output, nil)))
	r.log = slog.New(slog.NewJSONHandler(f, nil))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	r.end = func() { cancel(); <-done }
	t.Cleanup(r.end)
	return r
}

// A record arrives as in the log on standard error, with the time in fluentd's format.
func TestRecord(t *testing.T) {
	e := listen(t, "127.0.0.1:0")
	r := run(t, e.Addr().String())
	before := time.Now()
	r.log.With("certificate", "web").WithGroup("g").Warn("cannot be fetched", "error", errors.New(`not "found"`), "wait", 3*time.Second, "share", 0.5,
		"permanent", true, "names", []string{"a", "b"}, "none", nil)
	m := e.next(t)
	record := m.Record.(map[string]any)
	logged, err := time.Parse(time.RFC3339Nano, record["time"].(string))
	check(t, err)
	if at := time.Time(m.Time); at.Before(before) || at.After(time.Now()) || logged.Before(before) {
		t.Errorf("the event's time is %s, the record's %s, logged after %s", at, logged, before)
	}
	delete(record, "time")
	want := map[string]any{"level": "WARN", "msg": "cannot be fetched", "certificate": "web", "g": map[string]any{
		"error": `not "found"`, "wait": int64(3e9), "share": 0.5, "permanent": true, "names": []any{"a", "b"}, "none": nil,
	}}
	if diff := cmp.Diff(want, m.Record); diff != "" || m.Tag != "certsync" {
		t.Errorf("tag %q, record (-want +got):\n%s", m.Tag, diff)
	}
}

// A unix socket works like a TCP endpoint, also if it is created later.
func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "fluent.sock")
	r := runTo(t, "unix://"+socket)
	r.log.Info("before the socket exists")
	e := listenOn(t, "unix", socket)
	if m := e.next(t).Record.(map[string]any); m["msg"] != "before the socket exists" {
		t.Errorf("got %v", m)
	}
}

// If the endpoint is down at first, or for a while, it gets the records of that time later.
func TestReconnects(t *testing.T) {
	e := listen(t, "127.0.0.1:0")
	address := e.Addr().String()
	e.stop()
	r := run(t, address)
	r.log.Info("before it is up")
	e = listen(t, address)
	if m := e.next(t).Record.(map[string]any); m["msg"] != "before it is up" {
		t.Errorf("got %v", m)
	}
	e.stop()
	e = listen(t, address)
	for i := 0; ; i++ { // records may be lost until the closed connection is detected
		r.log.Info("after it was down")
		select {
		case m := <-e.messages:
			if record := m.Record.(map[string]any); record["msg"] != "after it was down" {
				t.Errorf("got %v", record)
			}
			return
		case <-time.After(50 * time.Millisecond):
			if i == 1000 {
				t.Fatal("the Forwarder does not connect again")
			}
		}
	}
}

// Records that do not fit are dropped, counted, and reported once. The logger never blocks.
func TestDrops(t *testing.T) {
	e := listen(t, "127.0.0.1:0")
	e.stop()
	r := run(t, e.Addr().String())
	const records = 1000
	for i := range records {
		r.log.Info("record", "number", i)
	}
	if n := r.dropped.Load(); n < records-257 || n > records-256 {
		t.Errorf("%d records dropped", n)
	}
	if n := strings.Count(r.output.String(), "log records dropped: the log endpoint does not accept them fast enough"); n != 1 {
		t.Errorf("reported %d times, want once", n)
	}
}

// At shutdown, the queue is sent if that is possible at once.
func TestFlush(t *testing.T) {
	e := listen(t, "127.0.0.1:0")
	r := run(t, e.Addr().String())
	r.log.Info("started")
	e.next(t)
	r.log.Info("shutting down")
	r.end()
	if m := e.next(t).Record.(map[string]any); m["msg"] != "shutting down" {
		t.Errorf("got %v", m)
	}
}

// An endpoint that accepts connections but does not read blocks nobody.
func TestEndpointThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	r := run(t, l.Addr().String())
	long := strings.Repeat("x", 8<<10)
	for range 2000 {
		r.log.Info("record", "text", long)
	}
	r.end()
	if r.dropped.Load() == 0 {
		t.Error("no record dropped")
	}
}
