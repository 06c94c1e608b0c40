package main

import (
	"errors"
	"math"
	"os"
	"runtime"
	"runtime/debug"
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

func TestTuneRuntime(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	current := func() (gc, threads int) {
		gc = debug.SetGCPercent(100)
		debug.SetGCPercent(gc)
		return gc, runtime.GOMAXPROCS(0)
	}
	// The runtime has read the variables when the process started.
	t.Setenv("GOGC", "100")
	t.Setenv("GOMAXPROCS", "2")
	tuneRuntime()
	if gc, n := current(); gc != 100 || n != 2 {
		t.Errorf("with the variables: %d %%, %d threads", gc, n)
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMAXPROCS", "")
	tuneRuntime()
	if gc, n := current(); gc != gcPercent || n != threads {
		t.Errorf("without the variables: %d %%, %d threads", gc, n)
	}
}
