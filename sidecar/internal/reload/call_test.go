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

// child is a shell under a name of its own that prints "reload" when it gets HUP.
type child struct {
	name string
	cmd  *exec.Cmd
	out  *bufio.Reader
}

// start runs n of them, under one name that nothing else on the machine has.
func start(t *testing.T, n int) []*child {
	t.Helper()
	// Under nohup HUP is ignored, which a shell that inherits it may not change (POSIX, trap). A signal that this
	// process handles has its default action in those that it starts.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, unix.SIGHUP)
	t.Cleanup(func() { signal.Stop(heard) })
	name := fmt.Sprintf("app%d", os.Getpid())
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink("/bin/sh", path); err != nil {
		t.Fatal(err)
	}
	var list []*child
	for range n {
		cmd := exec.Command(path, "-c", `trap "echo reload" HUP; echo up; while read -r line; do :; done; while :; do read -r line || :; done`)
		stdin, err := cmd.StdinPipe() // keeps it waiting
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

// Every process of the name gets the signal, and gets it once, although another part of the call is tried again.
func TestSignal(t *testing.T) {
	apps := start(t, 2)
	away := contract.Reload{Signal: "SIGHUP", Process: apps[0].name, URL: "http://127.0.0.1:1/"}
	call := reload.To(away)()
	for range 2 {
		var refused *reload.PostError
		if err := call.Try(t.Context()); !errors.As(err, &refused) {
			t.Fatalf("got %v, want a *PostError", err)
		}
	}
	for _, app := range apps {
		app.prints(t, "reload")
	}
	check(t, reload.To(hup(apps[0].name))().Try(t.Context()))
	for _, app := range apps {
		app.prints(t, "reload") // the second one: the first call sent no more than one
	}
}

func TestNoSuchProcess(t *testing.T) {
	name := start(t, 1)[0].name
	err := reload.To(hup("nosuchprocess"))().Try(t.Context())
	var none *reload.NoProcessError
	if !errors.As(err, &none) {
		t.Fatalf("got %v, want a *NoProcessError", err)
	}
	if !strings.Contains(strings.Join(none.Running, " "), name) {
		t.Errorf("%q does not name %s, which runs", none.Running, name)
	}
	none.Running = nil
	const alone = `reload.process: no process has the name "nosuchprocess", as /proc/<pid>/comm has it (at most 15 bytes): ` +
		`no other process can be seen: in a pod, shareProcessNamespace must be true`
	if err.Error() != alone {
		t.Errorf("got %q, want %q", err, alone)
	}
}

// Neither this process nor another one of its program gets the signal.
func TestNeverItself(t *testing.T) {
	comm, err := os.ReadFile("/proc/self/comm")
	check(t, err)
	kill := contract.Reload{Signal: "SIGKILL", Process: strings.TrimSuffix(string(comm), "\n")}
	var none *reload.NoProcessError
	if err := reload.To(kill)().Try(t.Context()); !errors.As(err, &none) {
		t.Errorf("got %v, want a *NoProcessError", err)
	}
}

// A zombie is no process.
func TestEnded(t *testing.T) {
	app := start(t, 1)[0]
	check(t, app.cmd.Process.Kill())
	check(t, unix.Waitid(unix.P_PID, app.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)) // and is left a zombie
	var none *reload.NoProcessError
	if err := reload.To(hup(app.name))().Try(t.Context()); !errors.As(err, &none) {
		t.Errorf("got %v, want a *NoProcessError", err)
	}
}

// A sidecar of another user ID is refused by the kernel, and says what to do.
func TestOtherUser(t *testing.T) {
	if testing.Short() {
		t.Skip("needs root, to become another user")
	}
	if os.Getuid() != 0 {
		t.Fatal("needs root, to become another user")
	}
	app := start(t, 1)[0]
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and nothing else is the other user
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65532, 65532, 65532); errno != 0 {
			result <- errno
			return
		}
		result <- reload.To(hup(app.name))().Try(t.Context())
	}()
	err := <-result
	want := fmt.Sprintf("reload.signal: user ID 65532 may not signal process %d (%s) of user ID 0: a process without privileges reaches "+
		"those of its own user ID only: give all of the app's containers one runAsUser other than 0 (the sidecar then runs as it), "+
		"or use reload.url", app.cmd.Process.Pid, app.name)
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
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // which would be used for no loopback address, and not at all here

	for _, c := range []struct{ url, err string }{
		{plain.URL + "/reload?token=secret", ""},
		{"http://localhost:" + port + "/reload", ""},
		{secure.URL + "/reload", ""},
		{plain.URL + "/moved?token=secret", "POST " + plain.URL + "/moved: status 307 Temporary Redirect: redirects are not followed: give the URL that answers 2xx"},
		{plain.URL + "/broken", "POST " + plain.URL + "/broken: status 500 Internal Server Error: the app must answer with any 2xx"},
		{plain.URL + "/none", "POST " + plain.URL + "/none: status 404 Not Found: the app must answer with any 2xx"},
		{"http://0.0.0.0:" + port + "/reload", "POST http://0.0.0.0:" + port + "/reload: no answer: dial tcp 0.0.0.0:" + port +
			": it is no loopback address: does the app listen there?"},
		{"http://127.0.0.1:1/?token=secret", "POST http://127.0.0.1:1/: no answer: dial tcp 127.0.0.1:1: connect: connection refused: does the app listen there?"},
	} {
		err := reload.To(contract.Reload{URL: c.url})().Try(t.Context())
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
