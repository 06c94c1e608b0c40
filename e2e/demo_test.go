package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// The demo is the first thing that a newcomer runs, so it runs here as it does there, on the same
// cluster.
func TestDemo(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "run", "./demo")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, out)
	}
	_, summary, found := strings.Cut(string(out), "== Summary")
	if !found || !strings.Contains(summary, "every step was observed") {
		t.Fatalf("no summary of a complete demo:\n%s", out)
	}
	t.Log(summary)
}
