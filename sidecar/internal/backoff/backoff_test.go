package backoff

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	for _, test := range []struct {
		failures    int
		limit, want time.Duration
	}{
		{1, time.Minute, time.Second},
		{2, time.Minute, 2 * time.Second},
		{5, 30 * time.Second, 16 * time.Second},
		{6, 30 * time.Second, 30 * time.Second},
		{9, 5 * time.Minute, 256 * time.Second},
		{10, 5 * time.Minute, 5 * time.Minute},
		{1 << 40, 5 * time.Minute, 5 * time.Minute}, // a shift by this many bits would give 0
	} {
		for range 100 {
			if got := Wait(test.failures, test.limit); got < test.want*9/10 || got > test.want*11/10 {
				t.Fatalf("after failure %d, limit %s: the wait is %s, want %s within 10 %%", test.failures, test.limit, got, test.want)
			}
		}
	}
}

func TestJitter(t *testing.T) {
	shorter, longer := 0, 0
	for range 1000 {
		switch got := Random(rand.Float64).Jitter(time.Hour); {
		case got < 54*time.Minute || got > 66*time.Minute:
			t.Fatalf("%s, want 1 h within 10 %%", got)
		case got < time.Hour:
			shorter++
		default:
			longer++
		}
	}
	if shorter < 300 || longer < 300 {
		t.Errorf("%d results are shorter and %d longer, want about the same number of each", shorter, longer)
	}
}
