package azure

import (
	"context"
	"net"
	"sync"
)

// StartInMemory serves without a network until Close: DialContext, Client and Transport connect
// through memory. In a testing/synctest bubble, blocked network reads would stop the clock. With
// this, hours of a client's life take no time. Create the emulator in the bubble, so that it has
// the bubble's clock.
func (e *Emulator) StartInMemory() {
	l := &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	e.mu.Lock()
	e.dial = l.dial
	e.mu.Unlock()
	go func() {
		if err := e.Serve(l); err != nil {
			e.log.Error("serving stopped", "error", err)
		}
	}()
}

// memoryListener accepts the other ends of the pipes that dial creates.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *memoryListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }
