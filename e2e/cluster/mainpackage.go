package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// buildMainPackage builds a main package of the repository as a static program and returns its
// path. The path depends on the content, so a program never changes while it runs or while an image
// is built from it.
func buildMainPackage(ctx context.Context, repo, pkg string, log *progress) (string, error) {
	dir, err := cacheDir("own")
	if err != nil {
		return "", err
	}
	latest := filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "_"))
	held, err := lockPath(ctx, latest+".lock", unix.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer held.remove()
	// The go command does not rebuild a program that is up to date.
	build := goCommand(ctx, repo, "build", "-ldflags", "-s -w", "-o", latest, pkg)
	if err := log.quietly("build "+pkg, func() error { _, err := output(build); return err }); err != nil {
		return "", err
	}
	program, err := copyByDigest(latest)
	if err == nil {
		markUsed(program, filepath.Base(latest)+"-")
	}
	return program, err
}

// copyByDigest copies the file to a name that contains the digest of its content, and returns that
// path.
func copyByDigest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s-%s", file, hex.EncodeToString(h.Sum(nil))[:12])
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	err = writeFileAtomically(name, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
	if err != nil {
		return "", err
	}
	return name, os.Chmod(name, 0o755)
}
