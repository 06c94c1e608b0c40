package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/neighbours"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// endpoint is where a pod has its metadata endpoint.
var endpoint = netip.AddrPortFrom(netip.MustParseAddr(contract.MetadataAddress), 80)

// pair is a pod with a sidecar that issues tokens, and its neighbour on the same bridge.
type pair struct {
	side
	test             *fakeTest
	victim, attacker *neighbours.Pod
	process          *rig.Process
}

func newPair(p programs) *pair { return &pair{side: side{programs: p}} }

func (p *pair) part() part {
	const limit = "no token, no response"
	attacks := []attack{
		{"neighbour-route", limit, p.by("ip", "route", "replace", endpoint.Addr().String(), "via", "VICTIM")},
		{"neighbour-arp", limit, p.by("ip", "route", "replace", endpoint.Addr().String(), "dev", neighbours.Interface)},
		{"neighbour-sync", "refused", p.sync},
		// The last: it may leave the attacker's thread waiting.
		{"neighbour-raw-socket", "no connection", p.raw},
	}
	return part{attacks: attacks, start: p.begin, stop: p.end}
}

// begin starts a sidecar in the victim's network, with the emulated Azure beside it.
func (p *pair) begin(ctx context.Context) error {
	// Of the sidecar's part, the program and the vault are needed; the sandbox is not used.
	p.temp = filepath.Join(p.temp, "pair")
	if err := os.Mkdir(p.temp, 0o755); err != nil {
		return err
	}
	if err := p.side.begin(ctx); err != nil {
		return err
	}
	p.test = &fakeTest{ctx: ctx}
	return p.test.try(func() error {
		p.victim, p.attacker = neighbours.New(p.test)
		var l net.Listener
		p.victim.Do(p.test, func() (err error) {
			l, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:443")
			return err
		})
		go func() { _ = p.azure.Serve(l) }() // until the emulator ends
		p.victim.Run(p.test, p.program, contract.CommandIMDSInit)
		return p.launch(ctx)
	})
}

// launch starts the sidecar and waits until the pod gets a token.
func (p *pair) launch(ctx context.Context) (err error) {
	hosts := filepath.Join(p.temp, "hosts")
	var lines strings.Builder
	for name, ip := range azure.Hosts("127.0.0.1", rig.VaultHost) {
		fmt.Fprintln(&lines, ip, name)
	}
	if err := os.WriteFile(hosts, []byte(lines.String()), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts,
		p.program, "--socket", filepath.Join(p.temp, "socket"), "--"+contract.FlagMetadata, endpoint.String())
	cmd.Env = p.azure.SidecarEnv()
	p.process, err = rig.Launch("sidecar", cmd, func(cmd *exec.Cmd) (err error) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		p.victim.Do(p.test, func() error {
			err = cmd.Start()
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	return rig.Await(ctx, 10*time.Second, func() error {
		if err := p.process.Ended(); err != nil {
			return err
		}
		if got := p.token(ctx, p.victim); got != "a token" {
			return fmt.Errorf("the pod itself gets from its metadata endpoint: %s: %s", got, p.process.Log())
		}
		return nil
	})
}

func (p *pair) end(ctx context.Context) {
	if p.process != nil {
		p.process.Stop()
	}
	p.side.end(ctx)
	if p.test != nil {
		p.test.end()
	}
}

// token asks the metadata endpoint from a pod and returns what it gets.
func (p *pair) token(ctx context.Context, from *neighbours.Pod) string {
	const request = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net HTTP/1.1\r\n" +
		"Host: 169.254.169.254\r\nMetadata: true\r\nConnection: close\r\n\r\n"
	status, body, err := p.ask(ctx, from, endpoint, request)
	switch {
	case err != nil:
		return "no response: " + err.Error()
	case strings.Contains(body, `"access_token"`):
		return "a token"
	default:
		return fmt.Sprintf("a response: %d %s", status, body)
	}
}

// ask sends a request from a pod.
func (p *pair) ask(ctx context.Context, from *neighbours.Pod, to netip.AddrPort, request string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var conn net.Conn
	from.Do(p.test, func() error {
		conn, err = rig.DialHere(ctx, nil, to.String())
		return nil
	})
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // it is open
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// by asks the victim's endpoint after a command in the attacker's network.
func (p *pair) by(name string, args ...string) func(context.Context) (string, error) {
	return func(ctx context.Context) (got string, err error) {
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "VICTIM", p.victim.Address.String())
		}
		err = p.test.try(func() error {
			p.attacker.Run(p.test, name, args...)
			got = p.token(ctx, p.attacker)
			return nil
		})
		if err != nil {
			return "", errors.Join(errSetup, err)
		}
		if !strings.HasPrefix(got, "no response") {
			return got, fmt.Errorf("the neighbour got %s", got)
		}
		return "no response", p.alive(ctx)
	}
}

// alive checks that the pod itself still gets tokens, without which the attack shows nothing.
func (p *pair) alive(ctx context.Context) error {
	if got := p.token(ctx, p.victim); got != "a token" {
		return fmt.Errorf("the pod itself got %s", got)
	}
	return nil
}

// raw begins a TCP connection by a raw socket.
func (p *pair) raw(ctx context.Context) (string, error) {
	result := make(chan string, 1)
	go func() {
		if err := p.test.try(func() error {
			result <- p.attacker.SendSYN(p.test, p.victim, endpoint)
			return nil
		}); err != nil {
			result <- err.Error()
		}
	}()
	select {
	case got := <-result:
		if got != "refused" {
			return got, fmt.Errorf("the connection was %s", got)
		}
		return got, p.alive(ctx)
	case <-time.After(3 * time.Second):
		// The thread that waits for the response ends with this process. This is the last use of
		// it.
		return "no response", p.alive(ctx)
	}
}

// sync asks the victim's probe port for a poll.
func (p *pair) sync(ctx context.Context) (string, error) {
	to := netip.AddrPortFrom(p.victim.Address, contract.DefaultPort)
	status, body, err := p.ask(ctx, p.attacker, to, "POST "+pathSync+" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
	if err != nil {
		return "no response", p.alive(ctx)
	}
	cost := fmt.Sprintf("status %d", status)
	if status != http.StatusForbidden {
		return cost, fmt.Errorf("POST %s got %s: %s", pathSync, cost, body)
	}
	return cost, nil
}

// fakeTest takes the place of a test.
type fakeTest struct {
	ctx      context.Context
	cleanups []func()
}

// stopped is what Fatal panics with.
type stopped struct{ error }

func (b *fakeTest) Helper()                           {}
func (b *fakeTest) Cleanup(f func())                  { b.cleanups = append(b.cleanups, f) }
func (b *fakeTest) Context() context.Context          { return b.ctx }
func (b *fakeTest) Fatal(args ...any)                 { panic(stopped{errors.New(fmt.Sprint(args...))}) }
func (b *fakeTest) Fatalf(format string, args ...any) { panic(stopped{fmt.Errorf(format, args...)}) }

// try runs f and returns its error, or that of Fatal.
func (b *fakeTest) try(f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case stopped:
			err = p.error
		default:
			panic(p)
		}
	}()
	return f()
}

// end does what is left to do, the last first.
func (b *fakeTest) end() {
	for len(b.cleanups) > 0 {
		last := len(b.cleanups) - 1
		f := b.cleanups[last]
		b.cleanups = b.cleanups[:last]
		f()
	}
}
