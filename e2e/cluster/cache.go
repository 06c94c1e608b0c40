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

// modulePath is the repository's own module.
const modulePath = "github.com/azure-cert-sync/azure-cert-sync"

// cacheDir returns a directory below the project's cache, which it creates:
// $XDG_CACHE_HOME/azure-cert-sync, or that of ~/.cache. It is outside of the repository, so a fresh
// clone finds what an earlier one built.
func cacheDir(elem ...string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for built programs: %w", err)
	}
	dir := filepath.Join(append([]string{base, "azure-cert-sync"}, elem...)...)
	return dir, os.MkdirAll(dir, 0o755)
}

// cacheKey names a cache entry after everything that decides what is in it.
func cacheKey(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p) // with lengths, so that ("ab","c") and ("a","bc") differ
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// repositoryRoot returns the directory of the repository that the current directory belongs to.
func repositoryRoot(ctx context.Context) (string, error) {
	out, err := output(goCommand(ctx, "", "list", "-m", "-f", "{{.Dir}}", modulePath))
	if err != nil {
		return "", fmt.Errorf("find the repository: run this within it: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// goEnv returns a setting of the go command in dir, such as GOVERSION.
func goEnv(ctx context.Context, dir, name string) (string, error) {
	out, err := output(goCommand(ctx, dir, "env", name))
	return strings.TrimSpace(string(out)), err
}

// goCommand is the go command for static programs, not bound to a workspace that the developer may
// have around.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false")
	// An interrupted go command removes its temporary files, a killed one cannot.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// unusedLife is how long a cache entry stays that nothing uses any more, such as an earlier version
// of a program.
const unusedLife = 14 * 24 * time.Hour

// used notes that a cache entry is in use, and removes those of the same kind that have not been
// for long: their names begin with prefix too. What cannot be removed now will be another time.
func used(entry, prefix string) {
	now := time.Now()
	_ = os.Chtimes(entry, now, now)
	others, _ := filepath.Glob(filepath.Join(filepath.Dir(entry), prefix+"*"))
	for _, other := range others {
		if info, err := os.Stat(other); err == nil && now.Sub(info.ModTime()) > unusedLife {
			_ = os.RemoveAll(other)
		}
	}
}
