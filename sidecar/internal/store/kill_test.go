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

// TestMain is also the main function of the process that TestKillAtEveryOperation kills.
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

// crashChild opens a store with leftovers of a crash, makes the change, and removes the old
// generation. It kills itself before the operation number at; if at is 0, it prints all operations
// instead.
func crashChild(at, dir string) error {
	n, err := strconv.Atoi(at)
	if err != nil {
		return err
	}
	count := 0
	s, _, err := open(dir, Options{}, readerGracePeriod, func(op, name string) error {
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
	s.gracePeriod = 0
	_, repeatErr := s.Commit(crashAfter())
	return errors.Join(err, repeatErr, s.Close())
}

// crashedStore prepares a store with the leftovers of a process that was killed during a swap.
func crashedStore(t *testing.T) (dir string) {
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

// TestKillAtEveryOperation kills a process before each of its file operations, in separate runs,
// while readers keep reading.
func TestKillAtEveryOperation(t *testing.T) {
	needsRoot(t)
	out, _ := runChild(t, 0, crashedStore(t))
	operations := strings.Split(strings.TrimSpace(string(out)), "\n")
	kinds := make(map[string]bool)
	for _, operation := range operations {
		kind, _, _ := strings.Cut(operation, " ")
		kinds[kind] = true
	}
	want := []string{"chmod", "chown", "create", "fsync", "link", "mkdir", "remove", "rename", "setfacl", "symlink", "write"}
	if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, want) {
		t.Errorf("got operations of the kinds %q, want %q", got, want)
	}
	for n := 1; n <= len(operations)+1; n++ {
		dir := crashedStore(t)
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
			t.Errorf("operation %d of %d: got killed %v", n, len(operations), killed)
		}
		wantOldOrNew(t, dir)
		s := mustOpen(t, dir)
		wantClean(t, dir, 1)
		wantRecovers(t, s, dir)
	}
}

// watch reads until it is stopped, or until it finds something that is neither old nor new, and
// returns that. In these tests the old generation is removed immediately, so a missing file counts
// only if "..data" did not change during the read.
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

// watchGeneration resolves "..data" once, like an application that needs several files of the same
// generation.
func watchGeneration(dir string) string {
	generation, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil {
		return err.Error()
	}
	dir = filepath.Join(dir, generation)
	if !hasFiles(dir, crashOld) && !hasFiles(dir, crashNew) {
		return generation + " is neither old nor new"
	}
	return ""
}

// watchPaths reads each file by its path.
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
