package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// Some figures concern internal code of the sidecar, which only its tests can call. They run as
// tests.

var nsPerOp = regexp.MustCompile(`(?m)^BenchmarkSwap\S*\s+\d+\s+(\d+) ns/op`)

// store measures the swap of 100 certificates in a store in memory.
func (b *bench) store(ctx context.Context) error {
	dir, err := os.MkdirTemp(sharedMemory(), "certsync-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out, err := output(ctx, b.repo, "env", "TMPDIR="+dir, "go", "test", "-run", "^$", "-bench", "^BenchmarkSwap$",
		"-benchtime", "100x", "./sidecar/internal/store")
	if err != nil {
		return err
	}
	found := nsPerOp.FindStringSubmatch(out)
	if found == nil {
		return fmt.Errorf("the benchmark's output contains no figure: %s", out)
	}
	ns, err := strconv.Atoi(found[1])
	if err != nil {
		return err
	}
	b.note("sidecar: one swap that replaces 100 certificates", "%s", millis(time.Duration(ns)))
	return nil
}

// sharedMemory returns a directory in a memory file system, or the directory for temporary files if
// none exists.
func sharedMemory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

const (
	// herdLimit is how long 100,000 certificates take at 4,000 in 10 s.
	herdLimit = 250 * time.Second
	herdPods  = 10_000
)

var attribute = regexp.MustCompile(`(?m)^\s*=== ATTR\s+TestThunderingHerd (\w+) (\S+)$`)

// herd simulates that 10,000 pods with 10 certificates each restart at the same time with empty
// stores.
func (b *bench) herd(ctx context.Context) error {
	b.progress("simulating 10,000 pods (some minutes)")
	out, err := output(ctx, b.repo, "env", "GOGC=400", "go", "test", "-count=1", "-timeout", "20m", "-v",
		"-run", "^TestThunderingHerd$", "./sidecar/internal/certsync", fmt.Sprintf("-herd.pods=%d", herdPods))
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return err
	} else if err != nil {
		out = err.Error() // a test that fails still prints its figures
	}
	found := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(out, -1) {
		found[m[1]] = m[2]
	}
	late, err := strconv.Atoi(found["late"])
	if err != nil {
		return fmt.Errorf("the test's output contains no figures: %s", out)
	}
	last, err := time.ParseDuration(found["last"])
	if err != nil {
		return err
	}
	target := fmt.Sprintf("at most %.0f s", 1.2*herdLimit.Seconds())
	all := fmt.Sprintf("%.1f s (limit %.0f s)", last.Seconds(), herdLimit.Seconds())
	if late > 0 {
		all = "longer than that"
	}
	b.add("10,000 pods x 10 certificates at once, 4,000 GETs/10 s (simulated): all ready", target, late == 0, "%s", all)
	b.add("of them not ready by then", "0", late == 0, "%d", late)
	return nil
}
