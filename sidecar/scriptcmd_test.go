package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// settingsCommand sets CERTSYNC_SETTINGS to the content of a file, or writes it to a second file.
// It replaces $NAME by the script's variables.
//
//	settings FILE [TARGET]
func settingsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: settings FILE [TARGET]")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	if len(args) == 1 {
		ts.Setenv("CERTSYNC_SETTINGS", text)
		return
	}
	// A rename, as the kubelet does for a ConfigMap's file.
	target := ts.MkAbs(args[1])
	ts.Check(os.WriteFile(target+".new", []byte(text), 0o600))
	ts.Check(os.Rename(target+".new", target))
}

// vaultCommand changes the script's vault. Arguments are the JSON of package azure, without the
// vault and the host.
//
//	vault certificate '{"name":"web"}'    vault secret '{...}'    vault renew '{"name":"web"}'
//	vault disable NAME    vault enable NAME    vault delete NAME    vault revoke
//	vault other (creates the second vault; set VAULT to use it in other commands)
//	vault version NAME NUMBER VARIABLE (sets a variable to the version's ID)
//	vault machine (enables a system-assigned identity, which may read the vault)
//	vault cut-off    vault restore    vault fault '{...}'    vault clear    vault await GETS
func (w *world) vaultCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: vault VERB [ARGUMENT]")
	}
	ctx, vault, arg := context.Background(), ts.Getenv("VAULT"), strings.Join(args[1:], "")
	ref := azure.SecretRef{Vault: vault, Name: arg}
	var err error
	switch args[0] {
	case "other":
		err = w.addVault(otherVault, clientIDOf(otherVault), otherTenant)
		ts.Setenv("OTHER_VAULT", otherVault)
		ts.Setenv("OTHER_CLIENT_ID", clientIDOf(otherVault))
		ts.Setenv("OTHER_TENANT_ID", otherTenant)
	case "version":
		versions, err := w.Versions(ctx, azure.SecretRef{Vault: vault, Name: args[1]})
		ts.Check(err)
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		ts.Setenv(args[3], versions[n-1].Version)
	case "machine":
		err = w.addVault(vault, clientIDOf(machine), tenant)
	case "certificate":
		c := azure.Certificate{Vault: vault}
		ts.Check(json.Unmarshal([]byte(arg), &c))
		_, err = w.CreateCertificate(ctx, c)
	case "secret":
		s := azure.Secret{Vault: vault}
		ts.Check(json.Unmarshal([]byte(arg), &s))
		_, err = w.CreateSecret(ctx, s)
	case "renew":
		r := azure.Renewal{Vault: vault}
		ts.Check(json.Unmarshal([]byte(arg), &r))
		_, err = w.Renew(ctx, r)
	case "disable", "enable":
		err = w.SetEnabled(ctx, ref, args[0] == "enable")
	case "delete":
		err = w.Delete(ctx, ref)
	case "revoke":
		err = w.Revoke(ctx, azure.Grant{Vault: vault, ClientID: ts.Getenv("AZURE_CLIENT_ID")})
	case "cut-off", "restore":
		err = w.CutOff(ctx, vault, args[0] == "cut-off")
	case "fault":
		f := azure.Fault{ID: ts.Name(), Host: vault}
		ts.Check(json.Unmarshal([]byte(arg), &f))
		_, err = w.InjectFault(ctx, f)
	case "clear":
		err = w.ClearFaults(ctx, ts.Name())
	case "await":
		n, bad := strconv.Atoi(arg)
		ts.Check(bad)
		patient, giveUp := context.WithTimeout(ctx, time.Minute)
		defer giveUp()
		_, err = w.Await(patient, azure.Filter{Host: vault, Operation: azure.OpGetSecret, Status: http.StatusOK}, n)
	default:
		ts.Fatalf("unknown verb %q", args[0])
	}
	ts.Check(err)
}

// countsCommand compares the number of requests that the script's vault has received: GETs of
// secrets with a token, and challenged requests.
//
//	counts GETS CHALLENGES
func (w *world) countsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: counts GETS CHALLENGES")
	}
	c, err := w.Counts(context.Background(), azure.Filter{Host: ts.Getenv("VAULT")})
	ts.Check(err)
	if got := []string{strconv.Itoa(c.SecretGets), strconv.Itoa(c.Challenges)}; got[0] != args[0] || got[1] != args[1] {
		ts.Fatalf("the vault got %s GETs and %s challenged requests, want %s and %s", got[0], got[1], args[0], args[1])
	}
}

// holdsCommand checks that a PEM file begins with a version of a certificate in the vault, and ends
// with a key. Versions count from 1; without a number it is the newest.
//
//	holds FILE NAME [VERSION]
func (w *world) holdsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: holds FILE NAME [VERSION]")
	}
	want := w.serial(ts, args[1:])
	content := ts.ReadFile(args[0])
	block, _ := pem.Decode([]byte(content))
	if block == nil {
		ts.Fatalf("%s is not a PEM file", args[0])
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	ts.Check(err)
	if got := leaf.SerialNumber.Text(16); got != want {
		ts.Fatalf("%s has the serial number %s, want %s of %q", args[0], got, want, args[1:])
	}
	if !strings.HasSuffix(strings.TrimSpace(content), "-----END PRIVATE KEY-----") {
		ts.Fatalf("%s does not end with a private key", args[0])
	}
}

// serial returns the serial number of a certificate in the vault: of a version, or of the newest.
func (w *world) serial(ts *testscript.TestScript, nameAndVersion []string) string {
	versions, err := w.Versions(context.Background(), azure.SecretRef{Vault: ts.Getenv("VAULT"), Name: nameAndVersion[0]})
	ts.Check(err)
	n := len(versions)
	if len(nameAndVersion) == 2 {
		n, err = strconv.Atoi(nameAndVersion[1])
		ts.Check(err)
	}
	return versions[n-1].Serial
}

// getCommand and postCommand send a request to the program's port and print the response. "!"
// expects a status other than 2xx. The connection goes to loopback, to another address of the
// machine, or to the socket.
//
//	get PATH [ADDRESS|socket]    post PATH [ADDRESS|socket]
func getCommand(ts *testscript.TestScript, neg bool, args []string)  { request(ts, "GET", neg, args) }
func postCommand(ts *testscript.TestScript, neg bool, args []string) { request(ts, "POST", neg, args) }

func request(ts *testscript.TestScript, method string, neg bool, args []string) {
	network, address := "tcp", net.JoinHostPort("127.0.0.1", ts.Getenv("PORT"))
	switch {
	case len(args) == 2 && args[1] == "socket":
		network, address = "unix", ts.Getenv("SOCKET")
	case len(args) == 2:
		address = net.JoinHostPort(args[1], ts.Getenv("PORT"))
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	req, err := http.NewRequest(method, "http://localhost"+args[0], nil)
	ts.Check(err)
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n%s", resp.Status, body)
	if ok := resp.StatusCode/100 == 2; ok == neg {
		ts.Fatalf("%s %s: %s: %s", method, args[0], resp.Status, body)
	}
}

// awaitsCommand waits at most a minute until the content of a file matches a regular expression.
//
//	awaits FILE REGEXP
func awaitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: awaits FILE REGEXP")
	}
	want := regexp.MustCompile(args[1])
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && want.Match(content) {
			return
		}
	}
	ts.Fatalf("after a minute, %s does not match %s", args[0], args[1])
}

// signalCommand sends a signal to the only program in the background.
//
//	signal HUP|TERM|STOP
func signalCommand(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "STOP": syscall.SIGSTOP}
	running := ts.BackgroundCmds()
	if neg || len(args) != 1 || signals[args[0]] == 0 || len(running) != 1 {
		ts.Fatalf("usage: signal HUP|TERM|STOP, with one program in the background")
	}
	process := running[0].Process
	ts.Check(process.Signal(signals[args[0]]))
	if args[0] == "STOP" {
		// If the script fails, it interrupts the process and waits for it. A stopped one does not
		// end.
		ts.Defer(func() { _ = process.Signal(syscall.SIGCONT) })
	}
}
