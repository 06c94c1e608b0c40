package main

import (
	"errors"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

func TestSetMemoryLimit(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	for name, test := range map[string]struct {
		variable string
		provider memlimit.Provider
		want     int64
	}{
		"the sidecar's default limit": {"", memlimit.Limit(64 << 20), 60397977},
		"no limit":                    {"", func() (uint64, error) { return 0, memlimit.ErrNoLimit }, math.MaxInt64},
		"no cgroup":                   {"", func() (uint64, error) { return 0, errors.New("process is not in cgroup") }, math.MaxInt64},
		// The runtime has read the variable when the process started.
		"GOMEMLIMIT": {"1GiB", memlimit.Limit(64 << 20), math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(math.MaxInt64)
			t.Setenv("GOMEMLIMIT", test.variable)
			if test.variable == "" {
				check(t, os.Unsetenv("GOMEMLIMIT"))
			}
			setMemoryLimit(test.provider)
			if got := debug.SetMemoryLimit(-1); got != test.want {
				t.Errorf("the limit is %d, want %d", got, test.want)
			}
		})
	}
}

func TestSetThreads(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", strconv.Itoa(before))
	if setThreads(); runtime.GOMAXPROCS(0) != before {
		t.Errorf("GOMAXPROCS is %d although the variable sets it", runtime.GOMAXPROCS(0))
	}
	t.Setenv("GOMAXPROCS", "")
	if setThreads(); runtime.GOMAXPROCS(0) != threads {
		t.Errorf("GOMAXPROCS is %d, want %d", runtime.GOMAXPROCS(0), threads)
	}
}
