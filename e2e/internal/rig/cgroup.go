package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Cgroup limits the memory of the programs that are started in it, as a container's limit does.
type Cgroup struct{ dir, mount, limitFile string }

// NewCgroup makes a cgroup with a memory limit in bytes. The caller removes it. What a killed run
// left of that name is replaced.
func NewCgroup(name string, limit int64) (*Cgroup, error) {
	c := &Cgroup{mount: "/sys/fs/cgroup/memory", limitFile: "memory.limit_in_bytes"}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil { // cgroup v2
		c.mount, c.limitFile = "/sys/fs/cgroup", "memory.max"
		// Children get the controller only if it is passed on, which it is on most machines.
		_ = os.WriteFile(filepath.Join(c.mount, "cgroup.subtree_control"), []byte("+memory"), 0o600)
	}
	c.dir = filepath.Join(c.mount, name)
	if err := c.Remove(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return nil, fmt.Errorf("a cgroup with a memory limit (needs root and the memory controller at %s): %w", c.mount, err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, c.limitFile), strconv.AppendInt(nil, limit, 10), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("the memory limit of cgroup %s: %w", c.dir, err), c.Remove())
	}
	return c, nil
}

// Remove removes the cgroup. Its processes have ended; the kernel may need a moment to let go of
// them.
func (c *Cgroup) Remove() error {
	var err error
	for range 50 {
		err = os.Remove(c.dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// Command returns the command line that runs a program in the cgroup. As in a container, the
// program finds its own cgroup at the mount point, and no other.
func (c *Cgroup) Command(program string, args ...string) []string {
	const join = `echo $$ >"$0/cgroup.procs" && ` +
		`exec unshare --cgroup --mount sh -c 'mount --bind "$0" "$1" && shift && exec "$@"' "$0" "$@"`
	return append([]string{"sh", "-c", join, c.dir, c.mount, program}, args...)
}

// command is CommandContext for a command line.
func command(ctx context.Context, line []string) *exec.Cmd {
	return exec.CommandContext(ctx, line[0], line[1:]...)
}
