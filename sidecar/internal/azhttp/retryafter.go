package azhttp

import (
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter limits the pause that a response can request. Key Vault's throttling window is ten
// seconds, and a wrong clock on either side must not stop a pod's renewals for a day.
const maxRetryAfter = 5 * time.Minute

// Throttled returns an error if a response requests a pause: it has the status 429, or 503 and a
// Retry-After header.
func Throttled(resp *http.Response) *ThrottledError {
	wait, specified := retryAfter(resp.Header)
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable && specified {
		host := ""
		if resp.Request != nil {
			host = resp.Request.URL.Host
		}
		return &ThrottledError{Host: host, Status: resp.StatusCode, Wait: wait}
	}
	return nil
}

// retryAfter returns the pause that a response requests, at most five minutes, and whether it
// requests one. It supports milliseconds in retry-after-ms or x-ms-retry-after-ms, which Azure's
// services send, and seconds (also with fractions) or a date in Retry-After (RFC 9110, 10.2.3). A
// date is relative to the Date header of the response, so that a wrong local clock does no harm.
func retryAfter(h http.Header) (time.Duration, bool) {
	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if wait, ok := parseDuration(h.Get(name), time.Millisecond); ok {
			return wait, true
		}
	}
	value := h.Get("Retry-After")
	if wait, ok := parseDuration(value, time.Second); ok {
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

func parseDuration(value string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 0) { // also false for NaN
		return 0, false
	}
	return time.Duration(min(n*float64(unit), float64(maxRetryAfter))), true
}
