package main

import (
	"strings"
	"testing"
)

// The table tells what was reached, what was missed, and what has no target.
func TestTable(t *testing.T) {
	b := table{begin: "0.10", end: "1.90"}
	b.add("size", "at most 13 MB", true, "%s", megabytes(9_460_000))
	b.add("time", "at most 2 s", false, "%.1f s", 2.5)
	b.note("more", "%d", 3)
	var out strings.Builder
	if err := b.print(&out); err != nil {
		t.Fatal(err)
	}
	head, rows, _ := strings.Cut(out.String(), "\n\n")
	if !strings.Contains(head, "load average at the beginning 0.10, at the end 1.90") {
		t.Errorf("the load is missing: %s", head)
	}
	const want = `WHAT  TARGET         MEASURED  REACHED
size  at most 13 MB  9.5 MB    yes
time  at most 2 s    2.5 s     no
more  -              3         -
`
	if rows != want {
		t.Errorf("got\n%swant\n%s", rows, want)
	}
}

// The figure of the benchmark is found in what it prints.
func TestOutputOfTests(t *testing.T) {
	const swap = "cpu: some\nBenchmarkSwap-2   \t     100\t  28601234 ns/op\nPASS\n"
	if m := nsPerOp.FindStringSubmatch(swap); m == nil || m[1] != "28601234" {
		t.Errorf("found %q", m)
	}
}
