package azhttp

import (
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter bounds what an answer may ask for: Key Vault's own window is ten seconds, and a wrong
// clock on either side must not stop a pod's renewals for a day.
const maxRetryAfter = 5 * time.Minute

// Throttled returns an error if an answer asks for a pause: status 429, or 503 with a pause in it.
func Throttled(resp *http.Response) *ThrottledError {
	wait, asked := RetryAfter(resp.Header)
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable && asked {
		host := ""
		if resp.Request != nil {
			host = resp.Request.URL.Host
		}
		return &ThrottledError{Host: host, Status: resp.StatusCode, Wait: wait}
	}
	return nil
}

// RetryAfter reads how long an answer asks to wait, at most five minutes, and whether it does.
// The forms are milliseconds in retry-after-ms or x-ms-retry-after-ms, as Azure's services send them, and
// seconds or a date in Retry-After (RFC 9110, 10.2.3), fractions of a second allowed. A date is compared
// with the answer's own Date, so that a wrong clock here does no harm.
func RetryAfter(h http.Header) (time.Duration, bool) {
	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if wait, ok := number(h.Get(name), time.Millisecond); ok {
			return wait, true
		}
	}
	value := h.Get("Retry-After")
	if wait, ok := number(value, time.Second); ok {
		return wait, true
	}
	if until, err := http.ParseTime(value); err == nil {
		now, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			now = time.Now()
		}
		return min(max(until.Sub(now), 0), maxRetryAfter), true
	}
	return 0, false
}

func number(value string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 0) { // not a number is no number
		return 0, false
	}
	return time.Duration(min(n*float64(unit), float64(maxRetryAfter))), true
}
