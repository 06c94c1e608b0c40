package azure

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"time"
)

// garbage is neither JSON nor HTML.
const garbage = "\x00\xff\x1f\x8b{\"value\": <!-- 502 upstream"

// dripSize is the number of bytes that Drip sends at a time.
const dripSize = 16

func (a *activeFault) id() string {
	if a == nil {
		return ""
	}
	return a.ID
}

// endsUnanswered waits for the fault's delay. It tells whether the request ends without a response,
// because of the fault or because the client has disconnected.
func (a *activeFault) endsUnanswered(ctx context.Context) bool {
	if a == nil {
		return false
	}
	if !sleep(ctx, time.Duration(a.Delay)) {
		return true
	}
	return a.Close || a.Hang || a.Reset
}

// hang returns when the client gives up or the fault is cleared. If the fault does not hang, it
// returns at once.
func (a *activeFault) hang(ctx context.Context) {
	if a.Hang {
		select {
		case <-ctx.Done():
		case <-a.cleared:
		}
	}
}

// reset resets the connection, if the fault does that.
func (a *activeFault) reset(w http.ResponseWriter) {
	if !a.Reset {
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // the connection is closed instead
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // without TLS's alert
	}
	if plain, ok := conn.(*net.TCPConn); ok {
		_ = plain.SetLinger(0) // the connection is open
	}
	_ = conn.Close() // nothing is sent
}

// answer returns the service's answer, or that of the fault.
func (a *activeFault) answer(svc service, r *http.Request) answer {
	if a == nil {
		return svc.serve(r)
	}
	var ans answer
	switch {
	case a.Error != "":
		ans = svc.errorAnswer(r, a.Error)
	case a.Status != 0:
		ans = svc.statusAnswer(r, a.Status)
	default:
		ans = svc.serve(r)
	}
	if a.Status != 0 {
		ans.status = a.Status
	}
	if a.Garbage {
		if a.Status == 0 {
			ans.status = http.StatusOK
		}
		ans.body = []byte(garbage)
	}
	if a.Body != "" {
		ans.body = []byte(a.Body)
		if a.BodyType != "" {
			ans.header.Set("Content-Type", a.BodyType)
		}
	}
	if a.RetryAfter != "" {
		ans.header.Set("Retry-After", a.RetryAfter)
	}
	for name, value := range a.Header {
		ans.header.Set(name, value)
	}
	return ans
}

// write sends ans, changed by the fault if there is one.
func (a *activeFault) write(w http.ResponseWriter, r *http.Request, ans answer) {
	for name, values := range ans.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(ans.body)))
	w.WriteHeader(ans.status)
	body := ans.body
	if a != nil && a.Truncate {
		body = body[:len(body)/2]
	}
	if a == nil || a.Drip == 0 {
		_, _ = w.Write(body) // the client may have disconnected
	} else {
		a.drip(r.Context(), w, body)
	}
	if a != nil && a.Truncate {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func (a *activeFault) drip(ctx context.Context, w http.ResponseWriter, body []byte) {
	flush := http.NewResponseController(w).Flush
	for len(body) > 0 {
		n := min(dripSize, len(body))
		if _, err := w.Write(body[:n]); err != nil || flush() != nil {
			return
		}
		if body = body[n:]; len(body) > 0 && !sleep(ctx, time.Duration(a.Drip)) {
			return
		}
	}
}

// sleep waits for d. It returns false if ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
