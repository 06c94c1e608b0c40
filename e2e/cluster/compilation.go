package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
)

// compilation knows how much of the Go code that some releases need has been compiled. It is the
// standard error of "go build -v", which prints the import path of each package that it compiles.
// The unit is one Go file.
type compilation struct {
	mu      sync.Mutex
	needed  map[string]map[string]int // release -> package -> number of its files
	left    map[string]int            // package -> number of its files
	total   int
	partial []byte // a line that go build has not finished
}

// listWork lists what the releases need to compile. Packages that are in Go's build cache are not
// known: they count as done when their release is.
func listWork(ctx context.Context, src string, releases []release) (*compilation, error) {
	c := &compilation{needed: map[string]map[string]int{}, left: map[string]int{}}
	for i := range releases {
		r := &releases[i]
		out, err := output(r.goCommand(ctx, src, "list", "-deps", "-f", "{{.ImportPath}} {{len .GoFiles}}"))
		if err != nil {
			return nil, err
		}
		c.needed[r.name] = map[string]int{}
		for line := range strings.Lines(string(out)) {
			var pkg string
			var files int
			if _, err := fmt.Sscan(line, &pkg, &files); err != nil {
				return nil, fmt.Errorf("go list printed %q: %w", line, err)
			}
			c.needed[r.name][pkg] = files
			if _, seen := c.left[pkg]; !seen {
				c.left[pkg] = files
				c.total += files
			}
		}
	}
	return c, nil
}

// goCommand returns a go command for the release's programs, with its build tags.
func (r *release) goCommand(ctx context.Context, src, verb string, flags ...string) *exec.Cmd {
	args := append([]string{verb, "-tags", r.tags}, flags...)
	cmd := goCommand(ctx, src, append(args, r.tools...)...)
	if r.cgo != nil {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	return cmd
}

// Write takes what go build prints. It never fails.
func (c *compilation) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partial = append(c.partial, b...)
	for {
		line, rest, found := bytes.Cut(c.partial, []byte("\n"))
		if !found {
			return len(b), nil
		}
		delete(c.left, string(line))
		c.partial = rest
	}
}

// finished notes that a release is compiled.
func (c *compilation) finished(r *release) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for pkg := range c.needed[r.name] {
		delete(c.left, pkg)
	}
}

// state says how much of all releases is compiled, such as "42% of 13500 Go files compiled".
func (c *compilation) state() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := 0
	for _, files := range c.left {
		left += files
	}
	return fmt.Sprintf("%d%% of %d Go files compiled", (c.total-left)*100/max(c.total, 1), c.total)
}
