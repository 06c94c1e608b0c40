package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// modulePath is the repository's module.
const modulePath = "github.com/azure-cert-sync/azure-cert-sync"

// cacheDir creates a directory below the project's cache and returns its path. The cache is
// $XDG_CACHE_HOME/azure-cert-sync, or ~/.cache/azure-cert-sync. It is outside of the repository, so
// a fresh clone finds what an earlier clone built.
func cacheDir(elem ...string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot locate the cache for built programs: %w", err)
	}
	dir := filepath.Join(append([]string{base, "azure-cert-sync"}, elem...)...)
	return dir, os.MkdirAll(dir, 0o755)
}

// cacheKey returns the name of a cache entry, derived from everything that determines its content.
func cacheKey(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p) // the lengths make ("ab","c") and ("a","bc") differ
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// repositoryRoot returns the root of the repository that contains the current directory.
func repositoryRoot(ctx context.Context) (string, error) {
	out, err := output(goCommand(ctx, "", "list", "-m", "-f", "{{.Dir}}", modulePath))
	if err != nil {
		return "", fmt.Errorf("cannot find the repository: run this within it: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// goEnv returns a setting of the go command in dir, such as GOVERSION.
func goEnv(ctx context.Context, dir, name string) (string, error) {
	out, err := output(goCommand(ctx, dir, "env", name))
	return strings.TrimSpace(string(out)), err
}

// goCommand returns a go command that builds static programs. It ignores a workspace (go.work) that
// the developer may have.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false -trimpath")
	// If interrupted, the go command removes its temporary files. If killed, it cannot.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// unusedLife is how long a cache entry is kept after its last use, for example of an earlier
// version of a program.
const unusedLife = 14 * 24 * time.Hour

// markUsed records that a cache entry is in use. It removes the entries of the same kind (with the
// same prefix) that have not been used for a long time. A later call retries what cannot be removed
// now.
func markUsed(entry, prefix string) {
	now := time.Now()
	_ = os.Chtimes(entry, now, now)
	others, _ := filepath.Glob(filepath.Join(filepath.Dir(entry), prefix+"*"))
	for _, other := range others {
		if info, err := os.Stat(other); err == nil && now.Sub(info.ModTime()) > unusedLife {
			_ = os.RemoveAll(other)
		}
	}
}
