package listen

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// connections bounds the open connections of an http.Server.
type connections struct {
	max int

	mu   sync.Mutex
	open map[net.Conn]*connection
	next uint64
}

type connection struct {
	conn net.Conn
	peer netip.Addr
	// number grows from one connection to the next.
	number uint64
	// requests are those that were received so far.
	requests int
	// handling is set while a handler works on a request.
	handling bool
}

type connectionKey struct{}

// accept is an http.Server's ConnContext, which the server calls for each new connection before it
// accepts another one.
func (c *connections) accept(ctx context.Context, conn net.Conn) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.max {
		closing := c.leastNeeded()
		delete(c.open, closing.conn)
		closing.conn.Close()
	}
	c.next++
	added := &connection{conn: conn, peer: addressOf(conn.RemoteAddr()), number: c.next}
	c.open[conn] = added
	return context.WithValue(ctx, connectionKey{}, added)
}

// leastNeeded returns the connection to close for a new one. It is one of the peer that has most,
// so that a peer with many does not close those of others. Among these it is the oldest on which no
// handler works, or else the oldest. It is called with the lock held.
func (c *connections) leastNeeded() *connection {
	byPeer := map[netip.Addr]int{}
	for _, o := range c.open {
		byPeer[o.peer]++
	}
	var found *connection
	for _, o := range c.open {
		if found == nil || c.before(o, found, byPeer) {
			found = o
		}
	}
	return found
}

// before reports whether a is closed before b.
func (c *connections) before(a, b *connection, byPeer map[netip.Addr]int) bool {
	switch {
	case byPeer[a.peer] != byPeer[b.peer]:
		return byPeer[a.peer] > byPeer[b.peer]
	case a.handling != b.handling:
		return b.handling
	default:
		return a.number < b.number
	}
}

// observe is an http.Server's ConnState.
func (c *connections) observe(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
}

// track notes on which connections h works.
func (c *connections) track(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o, ok := r.Context().Value(connectionKey{}).(*connection); ok {
			if c.begin(o) {
				w.Header().Set("Connection", "close")
			}
			defer c.end(o)
		}
		h.ServeHTTP(w, r)
	})
}

// begin notes a request, and reports whether it is the last one that the connection may send.
func (c *connections) begin(o *connection) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.handling = true
	o.requests++
	return o.requests >= maxRequests
}

func (c *connections) end(o *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.handling = false
}
