package monitoring

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build builds the pinned prometheus and promtool into dir. The go command's cache makes that fast
// after the first time. Debian's package cannot be used: it has no discovery of Kubernetes.
func Build(ctx context.Context, dir string) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return err
	}
	module := filepath.Join(strings.TrimSpace(string(root)), ".ci", "tools", "prometheus")
	// Of the service discoveries, only the one that is needed: the others take minutes to compile.
	cmd := exec.CommandContext(ctx, "go", "build", "-C", module, "-tags", "remove_all_sd,enable_kubernetes_sd", "-o", dir+string(filepath.Separator),
		"github.com/prometheus/prometheus/cmd/prometheus", "github.com/prometheus/prometheus/cmd/promtool")
	cmd.Env = append(cmd.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building Prometheus: %w: %s", err, out)
	}
	return nil
}
