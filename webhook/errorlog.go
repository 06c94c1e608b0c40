package main

import (
	stdlog "log"
	"log/slog"
	"strings"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// errorLog is the log of an http.Server, which writes a line for each failed TLS handshake. Anybody
// who reaches the port can cause these, so their number is limited.
type errorLog struct {
	log     *slog.Logger
	limit   *rate.Limiter
	omitted atomic.Int64
}

// newErrorLog returns a logger for http.Server.ErrorLog: ten lines at once, and one a second.
func newErrorLog(log *slog.Logger) *stdlog.Logger {
	return stdlog.New(&errorLog{log: log, limit: rate.NewLimiter(1, 10)}, "", 0)
}

// Write implements io.Writer for one line.
func (l *errorLog) Write(line []byte) (int, error) {
	if !l.limit.Allow() {
		l.omitted.Add(1)
		return len(line), nil
	}
	l.log.Warn("connection failed", "error", strings.TrimSpace(string(line)), "omittedBefore", l.omitted.Swap(0))
	return len(line), nil
}
