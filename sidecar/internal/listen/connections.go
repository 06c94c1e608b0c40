package listen

import (
	"context"
	"net"
	"net/http"
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
	// number grows from one connection to the next.
	number uint64
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
		oldest := c.oldest()
		delete(c.open, oldest.conn)
		oldest.conn.Close()
	}
	c.next++
	added := &connection{conn: conn, number: c.next}
	c.open[conn] = added
	return context.WithValue(ctx, connectionKey{}, added)
}

// oldest returns the oldest connection on which no handler works, or else the oldest one. It is
// called with the lock held.
func (c *connections) oldest() *connection {
	var oldest *connection
	for _, o := range c.open {
		if oldest == nil || oldest.handling && !o.handling ||
			oldest.handling == o.handling && o.number < oldest.number {
			oldest = o
		}
	}
	return oldest
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
			c.setHandling(o, true)
			defer c.setHandling(o, false)
		}
		h.ServeHTTP(w, r)
	})
}

func (c *connections) setHandling(o *connection, handling bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.handling = handling
}
