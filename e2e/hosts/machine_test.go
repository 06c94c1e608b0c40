package hosts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/metadata"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/sandbox"
)

// patience limits every wait and every script. Nothing takes nearly that long.
const patience = 2 * time.Minute

// machine is a booted machine.
type machine struct {
	t       *testing.T
	pid     string // of its systemd, outside
	network *sandbox.Sandbox
}

// boot starts a machine with the system-assigned identity of the cloud. The files, by their path on
// the machine, are added to it.
func (c *cloud) boot(t *testing.T, files map[string]string) *machine {
	t.Helper()
	work := t.TempDir()
	for _, dir := range []string{"layer", "root", "files/packages"} {
		check(t, os.MkdirAll(filepath.Join(work, dir), 0o755))
	}
	files["/etc/hosts"] = "127.0.0.1 localhost\n"
	for name, address := range c.hosts() {
		files["/etc/hosts"] += address + " " + name + "\n"
	}
	files["/etc/ssl/certs/ca-certificates.crt"] = string(c.CACertPEM())
	for path, content := range files {
		path = filepath.Join(work, "files", path)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, []byte(content), 0o644))
	}
	copyPackages(t, filepath.Join(work, "files/packages"))

	s, err := sandbox.New(c.hosts())
	check(t, err)
	t.Cleanup(s.Close)
	check(t, s.Run(exec.Command(c.program, "imds-init")))
	c.serveIn(t, s)
	cmd := exec.Command("./boot", debianTree(t), work, newCgroup(t))
	output := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = output, output
	check(t, s.Start(cmd))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("boot: %s", output)
		}
		_ = cmd.Process.Kill() // and with it, all processes of the machine
		_ = cmd.Wait()
	})
	m := &machine{t: t, network: s}
	children := fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid)
	m.await("systemd runs", func() error {
		list, err := os.ReadFile(children)
		if err != nil || len(list) == 0 {
			return fmt.Errorf("no process: %w", err)
		}
		m.pid = strings.TrimSpace(string(list))
		_, err = os.Stat("/proc/" + m.pid + "/root/run/systemd/private")
		return err
	})
	t.Cleanup(m.checkTexts)
	m.await("the machine has booted", func() error {
		state, _ := m.try("systemctl is-system-running")
		if s := strings.TrimSpace(state); s != "running" && s != "degraded" {
			return errors.New(state)
		}
		return nil
	})
	return m
}

// ofKubernetes are words that nobody needs on a machine.
var ofKubernetes = regexp.MustCompile(`(?i)\b(pods?|clusters?|charts?|webhooks?|configmaps?|annotations?|sidecars?|kubelet|kubernetes)\b.*`)

// checkTexts checks that the errors and the log of certsync speak of machines.
func (m *machine) checkTexts() {
	out, err := m.try("journalctl --no-pager --output=cat _COMM=certsync | grep -E '^({|certsync:)'; cat /var/lib/certsync/status/*.status")
	if found := ofKubernetes.FindString(out); found != "" {
		m.t.Errorf("a text on a machine speaks of Kubernetes: %s (%v)", found, err)
	}
}

// serveIn serves the emulated Azure and the metadata service in a machine's network.
func (c *cloud) serveIn(t *testing.T, s *sandbox.Sandbox) {
	t.Helper()
	l, err := s.Listen("tcp", "127.0.0.1:443")
	check(t, err)
	go func() { _ = c.Serve(l) }() // until the emulator is closed
	serve(t, s, metadata.Address, c.metadata)
}

// serve serves HTTP on an address of a machine's network.
func serve(t *testing.T, s *sandbox.Sandbox, address string, handler http.Handler) {
	t.Helper()
	l, err := s.Listen("tcp", address)
	check(t, err)
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(l) }() // until it is closed
	t.Cleanup(func() { check(t, server.Close()) })
}

// try runs a shell script on the machine and returns its output.
func (m *machine) try(script string) (string, error) {
	// Not the test's context, which has ended when cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "--target", m.pid, "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "sh", "-c", script)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}
	cmd.WaitDelay = time.Second // a background process of the script may keep the output open
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is try for a script that must succeed. The test's log shows it, so that it reads as a
// session.
func (m *machine) run(script string) string {
	m.t.Helper()
	out, err := m.try(script)
	m.t.Logf("# %s\n%s", script, out)
	if err != nil {
		journal, _ := m.try("journalctl --no-pager -n 30")
		m.t.Fatalf("%s: %v\n%s\n%s", script, err, out, journal)
	}
	return out
}

// awaitOutput waits until the output of a script contains a text.
func (m *machine) awaitOutput(script, want string) {
	m.t.Helper()
	m.await(script+": "+want, func() error {
		out, err := m.try(script)
		if !strings.Contains(out, want) {
			return fmt.Errorf("%w: %s", errors.Join(errors.New("not yet"), err), out)
		}
		return nil
	})
}

func (m *machine) await(what string, done func() error) {
	m.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = done(); err == nil {
			return
		}
	}
	journal, _ := m.try("journalctl --no-pager -n 30")
	m.t.Fatalf("%s: after %s: %v\n%s", what, patience, err, journal)
}

// newCgroup returns a cgroup for a machine, which is removed after the test.
func newCgroup(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	check(t, err)
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[2] == "cgroup2" {
			dir, err := os.MkdirTemp(f[1], "certsync-hosts-") //nolint:usetesting // in the cgroup file system
			check(t, err)
			t.Cleanup(func() { removeCgroups(t, dir) })
			return dir
		}
	}
	t.Fatal("no cgroup2 file system is mounted")
	return ""
}

// removeCgroups removes a cgroup and those below it, as soon as the kernel has ended their
// processes.
func removeCgroups(t *testing.T, dir string) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if exec.Command("find", dir, "-depth", "-type", "d", "-delete").Run() == nil {
			return
		}
	}
	t.Errorf("the cgroup %s cannot be removed", dir)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
