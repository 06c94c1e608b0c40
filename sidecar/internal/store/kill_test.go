package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const crashVariable = "CERTSYNC_TEST_CRASH_AT"

// TestMain is the process that TestKillAtEveryOperation kills, where it is asked to be.
func TestMain(m *testing.M) {
	at, dir, ok := strings.Cut(os.Getenv(crashVariable), ":")
	if !ok {
		os.Exit(m.Run())
	}
	if err := crashChild(at, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// crashChild kills itself ahead of the operation at, or with at 0 prints all of them. It takes over what a crash left,
// makes the change, and clears the old generation.
func crashChild(at, dir string) error {
	n, err := strconv.Atoi(at)
	if err != nil {
		return err
	}
	count := 0
	s, _, err := open(dir, func(op, name string) error {
		switch count++; n {
		case 0:
			fmt.Println(op, name)
		case count:
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = s.Commit(crashAfter())
	s.grace = 0
	_, again := s.Commit(crashAfter())
	return errors.Join(err, again, s.Close())
}

// leftOver prepares a store with what a process left that was killed in a swap.
func leftOver(t *testing.T) (dir string) {
	t.Helper()
	dir = memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, crashBefore()...)
	mustClose(t, s)
	generation := filepath.Join(dir, "..0000000002")
	if err := errors.Join(os.MkdirAll(filepath.Join(generation, "v.x.d"), 0o755), os.WriteFile(filepath.Join(generation, "v.x.d/tls.key"), nil, 0o600),
		os.Symlink("..data/v.x.d", filepath.Join(dir, "v.x.d")), os.Symlink("..0000000002", filepath.Join(dir, dataTemp))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func runChild(t *testing.T, at int, dir string) (out []byte, killed bool) {
	t.Helper()
	child := exec.Command("/proc/self/exe")
	child.Env = []string{crashVariable + "=" + strconv.Itoa(at) + ":" + dir}
	out, err := child.CombinedOutput()
	killed = child.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if err != nil && !killed {
		t.Fatalf("%v: %s", err, out)
	}
	return out, killed
}

// TestKillAtEveryOperation kills a process ahead of one file operation after the other, of every kind that there is, while
// readers never stop looking.
func TestKillAtEveryOperation(t *testing.T) {
	out, _ := runChild(t, 0, leftOver(t))
	operations := strings.Split(strings.TrimSpace(string(out)), "\n")
	kinds := make(map[string]bool)
	for _, operation := range operations {
		kind, _, _ := strings.Cut(operation, " ")
		kinds[kind] = true
	}
	want := []string{"chmod", "chown", "create", "fsync", "link", "mkdir", "remove", "rename", "setfacl", "symlink", "write"}
	if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, want) {
		t.Errorf("the change has operations of the kinds %q, want %q", got, want)
	}
	for n := 1; n <= len(operations)+1; n++ {
		dir := leftOver(t)
		stop, torn := make(chan struct{}), make(chan string)
		readers := []func(string) string{watchGeneration, watchPaths}
		for _, read := range readers {
			go func() { torn <- watch(dir, stop, read) }()
		}
		_, killed := runChild(t, n, dir)
		close(stop)
		for range readers {
			if problem := <-torn; problem != "" {
				t.Errorf("killed at operation %d of %d: %s", n, len(operations), problem)
			}
		}
		if killed != (n <= len(operations)) {
			t.Errorf("killed at operation %d of %d: %v", n, len(operations), killed)
		}
		wantOldOrNew(t, dir)
		s := mustOpen(t, dir)
		wantClean(t, dir, 1)
		wantRecovers(t, s, dir)
	}
}

// watch reads until it is stopped, and tells what it saw that is neither old nor new. In these tests the old generation
// goes at once, so what a reader does not find counts only if it was there all the time.
func watch(dir string, stop <-chan struct{}, read func(dir string) string) string {
	for {
		select {
		case <-stop:
			return ""
		default:
		}
		before, err := os.Readlink(filepath.Join(dir, dataLink))
		if err != nil {
			return err.Error()
		}
		problem := read(dir)
		if after, err := os.Readlink(filepath.Join(dir, dataLink)); problem != "" && err == nil && after == before {
			return before + ": " + problem
		}
	}
}

// watchGeneration reads through the link of the generation, as an application that wants more than one file of
// the same moment does.
func watchGeneration(dir string) string {
	generation, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil {
		return err.Error()
	}
	dir = filepath.Join(dir, generation)
	if !has(dir, crashOld) && !has(dir, crashNew) {
		return generation + " is neither old nor new"
	}
	return ""
}

// watchPaths reads files one by one, by their paths.
func watchPaths(dir string) string {
	for _, name := range []string{"v.a", "v.b", "v.e"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err.Error()
		}
		if got := string(data); got != crashOld[name] && got != crashNew[name] {
			return fmt.Sprintf("%s has %q", name, got)
		}
	}
	return ""
}
