package main

import (
	"strings"
	"testing"
)

// The table shows which targets were reached and missed, and which figures have no target.
func TestTable(t *testing.T) {
	b := table{begin: "0.10", end: "1.90"}
	b.add("size", "at most 13 MB", true, "%s", megabytes(9_460_000))
	b.add("time", "at most 2 s", false, "%.1f s", 2.5)
	b.note("more", "%d", 3)
	var out strings.Builder
	if err := b.write(&out); err != nil {
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

// Requests are complete and concern the service account, as those of the API server.
func TestRequest(t *testing.T) {
	text, err := request(20)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"namespace":"team-00"`, `"serviceAccountName":"workload-account-00020"`, "Host: azure-cert-sync-webhook.azure-cert-sync-system.svc\r\n"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s is missing in %s", part, text)
		}
	}
}

// The patterns find the figures in the output of the tests.
func TestOutputOfTests(t *testing.T) {
	const swap = "cpu: some\nBenchmarkSwap-2   \t     100\t  28601234 ns/op\nPASS\n"
	if m := nsPerOp.FindStringSubmatch(swap); m == nil || m[1] != "28601234" {
		t.Errorf("found %q", m)
	}
	const herd = "=== RUN   TestThunderingHerd\n=== ATTR  TestThunderingHerd late 0\n=== ATTR  TestThunderingHerd last 4m9.9s\n--- PASS: "
	if m := attribute.FindAllStringSubmatch(herd, -1); len(m) != 2 || m[0][1] != "late" || m[1][2] != "4m9.9s" {
		t.Errorf("found %q", m)
	}
}
