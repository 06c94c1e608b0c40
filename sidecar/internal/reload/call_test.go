package reload_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/reload"
)

// child is a shell with a unique name that prints "reload" when it gets HUP.
type child struct {
	name string
	cmd  *exec.Cmd
	out  *bufio.Reader
}

// start runs n children with the same name, which no other process on the machine has.
func start(t *testing.T, n int) []*child {
	t.Helper()
	// With nohup, HUP is ignored, and a shell that inherits this cannot change it (POSIX, trap). A
	// signal that this process handles has its default action in its child processes.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGHUP)
	t.Cleanup(func() { signal.Stop(signals) })
	name := fmt.Sprintf("app%d", os.Getpid())
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink("/bin/sh", path); err != nil {
		t.Fatal(err)
	}
	var list []*child
	for range n {
		cmd := exec.Command(path, "-c", `trap "echo reload" HUP; echo up; while read -r line; do :; done; while :; do read -r line || :; done`)
		stdin, err := cmd.StdinPipe() // keeps the shell waiting
		check(t, err)
		stdout, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		c := &child{name, cmd, bufio.NewReader(stdout)}
		t.Cleanup(func() {
			_ = stdin.Close()
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		c.prints(t, "up")
		list = append(list, c)
	}
	return list
}

func (c *child) prints(t *testing.T, want string) {
	t.Helper()
	line, err := c.out.ReadString('\n')
	check(t, err)
	if got := strings.TrimSpace(line); got != want {
		t.Fatalf("the app prints %q, want %q", got, want)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func hup(name string) contract.Reload { return contract.Reload{Signal: "SIGHUP", Process: name} }

// Every process with the name gets the signal once, even if another part of the call is retried.
func TestSignal(t *testing.T) {
	apps := start(t, 2)
	unreachable := contract.Reload{Signal: "SIGHUP", Process: apps[0].name, URL: "http://127.0.0.1:1/"}
	call := reload.To(contract.Pod, unreachable)()
	for range 2 {
		var refused *reload.PostError
		if err := call.Try(t.Context()); !errors.As(err, &refused) {
			t.Fatalf("got %v, want a *PostError", err)
		}
	}
	for _, app := range apps {
		app.prints(t, "reload")
	}
	check(t, reload.To(contract.Pod, hup(apps[0].name))().Try(t.Context()))
	for _, app := range apps {
		app.prints(t, "reload") // the second signal: the first call sent only one
	}
}

func TestNoSuchProcess(t *testing.T) {
	name := start(t, 1)[0].name
	err := reload.To(contract.Pod, hup("nosuchprocess"))().Try(t.Context())
	var none *reload.NoProcessError
	if !errors.As(err, &none) {
		t.Fatalf("got %v, want a *NoProcessError", err)
	}
	if !strings.Contains(strings.Join(none.Running, " "), name) {
		t.Errorf("%q does not contain %s, which is running", none.Running, name)
	}
	none.Running = nil
	const want = `reload.process: no process has the name "nosuchprocess" in /proc/<pid>/comm (at most 15 bytes): ` +
		`no other process is visible: in a pod, set shareProcessNamespace to true`
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// Neither this process nor another process of the same program gets the signal.
func TestNeverSignalsItself(t *testing.T) {
	comm, err := os.ReadFile("/proc/self/comm")
	check(t, err)
	kill := contract.Reload{Signal: "SIGKILL", Process: strings.TrimSuffix(string(comm), "\n")}
	var none *reload.NoProcessError
	if err := reload.To(contract.Pod, kill)().Try(t.Context()); !errors.As(err, &none) {
		t.Errorf("got %v, want a *NoProcessError", err)
	}
}

// A zombie counts as ended.
func TestZombie(t *testing.T) {
	app := start(t, 1)[0]
	check(t, app.cmd.Process.Kill())
	check(t, unix.Waitid(unix.P_PID, app.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)) // leaves a zombie
	var none *reload.NoProcessError
	if err := reload.To(contract.Pod, hup(app.name))().Try(t.Context()); !errors.As(err, &none) {
		t.Errorf("got %v, want a *NoProcessError", err)
	}
}

// If the sidecar has another user ID, the kernel refuses the signal, and the error says what to do.
func TestOtherUser(t *testing.T) {
	if testing.Short() {
		t.Skip("needs root, to become another user")
	}
	if os.Getuid() != 0 {
		t.Fatal("this test needs root to change its user ID")
	}
	app := start(t, 1)[0]
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65532, 65532, 65532); errno != 0 {
			result <- errno
			return
		}
		result <- reload.To(contract.Pod, hup(app.name))().Try(t.Context())
	}()
	err := <-result
	want := fmt.Sprintf("reload.signal: user ID 65532 is not permitted to signal process %d (%s) of user ID 0: a process without privileges can "+
		"only signal processes of the same user ID: set the same runAsUser other than 0 in all of the app's containers (the sidecar then "+
		"uses it, too), or use reload.url", app.cmd.Process.Pid, app.name)
	var refused *reload.NotPermittedError
	if !errors.As(err, &refused) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPost(t *testing.T) {
	var got []string
	mux := http.NewServeMux()
	mux.HandleFunc("/reload", func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.String())
		w.WriteHeader(http.StatusAccepted)
	})
	mux.Handle("/moved", http.RedirectHandler("/reload", http.StatusTemporaryRedirect))
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	plain, secure := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	_, port, _ := strings.Cut(plain.Listener.Addr().String(), ":")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // must be ignored

	for _, c := range []struct{ url, err string }{
		{plain.URL + "/reload?token=secret", ""},
		{"http://localhost:" + port + "/reload", ""},
		{secure.URL + "/reload", ""},
		{plain.URL + "/moved?token=secret", "POST " + plain.URL + "/moved: status 307 Temporary Redirect: redirects are not followed: use a URL that returns 2xx"},
		{plain.URL + "/broken", "POST " + plain.URL + "/broken: status 500 Internal Server Error: the app must return a 2xx status"},
		{plain.URL + "/none", "POST " + plain.URL + "/none: status 404 Not Found: the app must return a 2xx status"},
		{"http://0.0.0.0:" + port + "/reload", "POST http://0.0.0.0:" + port + "/reload: no response: dial tcp 0.0.0.0:" + port +
			": it is not a loopback address: check that the app listens there"},
		{"http://127.0.0.1:1/?token=secret", "POST http://127.0.0.1:1/: no response: dial tcp 127.0.0.1:1: connect: connection refused: check that the app listens there"},
	} {
		err := reload.To(contract.Pod, contract.Reload{URL: c.url})().Try(t.Context())
		text := ""
		if err != nil {
			text = strings.TrimPrefix(err.Error(), "reload.url: ")
		}
		if text != c.err {
			t.Errorf("%s: got %q, want %q", c.url, text, c.err)
		}
	}
	want(t, "requests", got, "POST /reload?token=secret", "POST /reload", "POST /reload")
}
