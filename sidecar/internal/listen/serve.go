package listen

import (
	"context"
	"net"
	"net/http"
	"time"
)

const (
	// maxConnections bounds the connections to one listener.
	maxConnections = 64
	// maxRequests bounds the requests of one connection, which a client can send without waiting.
	maxRequests = 100
	// readTimeout bounds the time in which a client sends a request, and idleTimeout the time until
	// its next one. The kubelet opens a connection for each probe.
	readTimeout = 5 * time.Second
	idleTimeout = 10 * time.Second
	// maxHeader bounds a request's header, in bytes.
	maxHeader = 8 << 10
	// maxBody bounds a request's body, in bytes: no request that is served needs one.
	maxBody = 8 << 10
)

// Serve responds to requests on l until ctx ends. A response takes at most writeTimeout. Slow and
// idle clients are disconnected, and at most 64 connections are open: one more closes another one,
// of the client that has most, preferably the oldest that waits for its client. So a client that
// opens many connections cannot keep out the kubelet, which sends its request at once.
//
// The error is that of http.Server.Serve, and nil after ctx has ended.
func Serve(ctx context.Context, l net.Listener, h http.Handler, writeTimeout time.Duration) error {
	c := &connections{max: maxConnections, open: map[net.Conn]*connection{}}
	server := &http.Server{
		Handler:           c.track(http.MaxBytesHandler(h, maxBody)),
		ConnContext:       c.accept,
		ConnState:         c.observe,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(l)
	if ctx.Err() != nil {
		return nil
	}
	return err
}
