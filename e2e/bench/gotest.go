package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// Some figures are of code inside of the sidecar, which only tests beside it can reach: they run as
// such.

var nsPerOp = regexp.MustCompile(`(?m)^BenchmarkSwap\S*\s+\d+\s+(\d+) ns/op`)

// store measures the swap of a hundred certificates in a store in memory.
func (b *bench) store(ctx context.Context) error {
	dir, err := os.MkdirTemp(sharedMemory(), "certsync-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out, err := rig.Output(ctx, b.repo, "env", "TMPDIR="+dir, "go", "test", "-run", "^$", "-bench", "^BenchmarkSwap$",
		"-benchtime", "100x", "./sidecar/internal/store")
	if err != nil {
		return err
	}
	found := nsPerOp.FindStringSubmatch(out)
	if found == nil {
		return fmt.Errorf("no figure in the benchmark's output: %s", out)
	}
	ns, err := strconv.Atoi(found[1])
	if err != nil {
		return err
	}
	b.note("sidecar: one swap that replaces 100 certificates", "%s", millis(time.Duration(ns)))
	return nil
}

// sharedMemory is the directory of a file system in memory; or that of temporary files if it does
// not exist.
func sharedMemory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}
