package sandbox_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/sandbox"
)

const enterVariable = "SANDBOX_TEST_ENTER"

// TestMain enters a sandbox if a test sets a variable.
func TestMain(m *testing.M) {
	if os.Getenv(enterVariable) != "" {
		sandbox.Enter(map[string]string{"inside.example": "127.0.0.9"})
		ips, err := net.LookupHost("inside.example")
		fmt.Println(ips, err)
		if os.Getenv(enterVariable) == "wait" {
			_, _ = io.Copy(io.Discard, os.Stdin)
			fmt.Println("not killed")
		}
		os.Exit(7)
	}
	os.Exit(m.Run())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs root, for namespaces")
	}
}

func newSandbox(t *testing.T, hosts map[string]string) *sandbox.Sandbox {
	t.Helper()
	needsRoot(t)
	s, err := sandbox.New(hosts)
	check(t, err)
	t.Cleanup(s.Close)
	return s
}

// curl, which knows nothing of the emulator, reaches it on port 443 under a real name and verifies
// its certificate.
func TestRealProgramReachesEmulator(t *testing.T) {
	e, err := azure.New(azure.Options{Config: azure.Config{
		Applications: []azure.Application{{ClientID: "client", Tenant: "tenant"}},
	}})
	check(t, err)
	s := newSandbox(t, azure.Hosts("127.0.0.1"))
	l, err := s.Listen("tcp", "127.0.0.1:443")
	check(t, err)
	served := make(chan error, 1)
	go func() { served <- e.Serve(l) }()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(ca, e.CACertPEM(), 0o600))

	var out, errs bytes.Buffer
	cmd := exec.Command("curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", ca,
		"https://login.microsoftonline.com/tenant/v2.0/.well-known/openid-configuration")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := s.Run(cmd); err != nil {
		t.Fatalf("curl: %v: %s", err, &errs)
	}
	if !strings.Contains(out.String(), `"token_endpoint":"https://login.microsoftonline.com/tenant/oauth2/v2.0/token"`) {
		t.Errorf("curl printed %s", &out)
	}
	check(t, e.Close())
	check(t, <-served)
}

// Each sandbox has separate ports, which are not visible from outside.
func TestSandboxIsSeparate(t *testing.T) {
	before, err := os.ReadFile("/etc/hosts")
	check(t, err)
	for range 2 { // the same port twice: the sandboxes do not share ports
		l, err := newSandbox(t, map[string]string{"only.example": "127.0.0.1"}).Listen("tcp", "127.0.0.1:1")
		check(t, err)
		t.Cleanup(func() { _ = l.Close() })
	}
	if _, err := net.Dial("tcp", "127.0.0.1:1"); err == nil {
		t.Error("the sandbox's listener is reachable from outside")
	}
	after, err := os.ReadFile("/etc/hosts")
	check(t, err)
	if !bytes.Equal(before, after) || sandbox.Inside() {
		t.Error("the machine's hosts file has changed")
	}
}

// Closing a sandbox ends its processes.
func TestCloseKillsCommands(t *testing.T) {
	s := newSandbox(t, nil)
	cmd := exec.Command("sleep", "infinity")
	check(t, s.Start(cmd))
	s.Close()
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Errorf("the command ended with %v, not by a signal", err)
	}
	if err := s.Start(exec.Command("true")); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("Start after Close: %v", err)
	}
}

// A whole program runs in a sandbox. The caller gets its output and exit code.
func TestEnter(t *testing.T) {
	needsRoot(t)
	self, err := os.Executable()
	check(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), enterVariable+"=1")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || string(out) != "[127.0.0.9] <nil>\n" {
		t.Errorf("%v, output %q", err, out)
	}
}

// If a program is killed, the program in its sandbox ends too: the pipe from it closes, which
// cannot happen while that program runs.
func TestKilledOwner(t *testing.T) {
	needsRoot(t)
	self, err := os.Executable()
	check(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), enterVariable+"=wait")
	out, err := cmd.StdoutPipe()
	check(t, err)
	stdin, err := cmd.StdinPipe() // stays open so that the program inside waits
	check(t, err)
	defer func() { _ = stdin.Close() }()
	check(t, cmd.Start())
	r := bufio.NewReader(out)
	if line, err := r.ReadString('\n'); line != "[127.0.0.9] <nil>\n" {
		t.Fatalf("the program inside printed %q, %v", line, err)
	}
	check(t, cmd.Process.Kill())
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("the program inside still runs: %q, %v", rest, err)
	}
	_ = cmd.Wait() // it was killed
}
