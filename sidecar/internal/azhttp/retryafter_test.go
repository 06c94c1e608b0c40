package azhttp

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	const date = "Sun, 01 Mar 2026 12:00:00 GMT"
	for name, c := range map[string]struct {
		header map[string]string
		want   time.Duration
		found  bool
	}{
		"none":               {nil, 0, false},
		"seconds":            {map[string]string{"Retry-After": "7"}, 7 * time.Second, true},
		"fraction":           {map[string]string{"Retry-After": "0.5"}, 500 * time.Millisecond, true},
		"zero":               {map[string]string{"Retry-After": "0"}, 0, true},
		"date":               {map[string]string{"Retry-After": "Sun, 01 Mar 2026 12:00:20 GMT", "Date": date}, 20 * time.Second, true},
		"date in the past":   {map[string]string{"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT", "Date": date}, 0, true},
		"milliseconds":       {map[string]string{"Retry-After-Ms": "250", "Retry-After": "9"}, 250 * time.Millisecond, true},
		"Azure milliseconds": {map[string]string{"X-Ms-Retry-After-Ms": "1500"}, 1500 * time.Millisecond, true},
		"a day":              {map[string]string{"Retry-After": "86400"}, 5 * time.Minute, true},
		"far date":           {map[string]string{"Retry-After": "Sun, 01 Mar 2099 12:00:00 GMT", "Date": date}, 5 * time.Minute, true},
		"negative":           {map[string]string{"Retry-After": "-1"}, 0, false},
		"not a number":       {map[string]string{"Retry-After": "NaN"}, 0, false},
		"infinity":           {map[string]string{"Retry-After": "Inf"}, 5 * time.Minute, true},
		"words":              {map[string]string{"Retry-After": "soon"}, 0, false},
	} {
		h := http.Header{}
		for k, v := range c.header {
			h.Set(k, v)
		}
		if got, found := retryAfter(h); got != c.want || found != c.found {
			t.Errorf("%s: %s, %t, want %s, %t", name, got, found, c.want, c.found)
		}
	}
}
