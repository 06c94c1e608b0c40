package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// The demo is the first program that a newcomer runs. This test runs it in the same way, on the
// same cluster.
func TestDemo(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "run", "./demo")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, out)
	}
	_, summary, found := strings.Cut(string(out), "== Summary")
	if !found || !strings.Contains(summary, "every step was observed") {
		t.Fatalf("the output does not contain the summary of a complete demo:\n%s", out)
	}
	t.Log(summary)
}
