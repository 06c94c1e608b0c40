package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// command is one subcommand.
type command struct {
	name, summary string
	run           func(*invocation, []string) error
}

// commands lists the commands in the order of the usage text. init fills it, because the commands
// refer to it in their usage.
var commands []command

func init() {
	commands = []command{
		{"serve", "serve Entra ID, Key Vault and the admin API until a signal", serve},
		{"apply", "FILE: add the state in a JSON file (- for standard input)", apply},
		{"create", "vault|certificate|secret|application|grant: add one object", create},
		{"renew", "issue a new version of a certificate", renew},
		{"disable", "disable a version, or the newest one, of a secret", func(c *invocation, args []string) error { return setEnabled(c, args, false) }},
		{"enable", "enable it again", func(c *invocation, args []string) error { return setEnabled(c, args, true) }},
		{"delete", "delete a secret", deleteSecret},
		{"versions", "list the versions of a secret", versions},
		{"revoke", "remove a grant", revoke},
		{"fault", "make requests fail", fault},
		{"clear", "[ID...]: clear these faults, or all", clearFaults},
		{"cut-off", "HOST: make a host unreachable", func(c *invocation, args []string) error { return cutOff(c, args, true) }},
		{"restore", "HOST: make it reachable again", func(c *invocation, args []string) error { return cutOff(c, args, false) }},
		{"log", "print the request log, or its counts", requestLog},
		{"ca", "print the CA of the HTTPS certificates, or the root of the issued ones, in PEM", ca},
	}
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: azure-emulator COMMAND [flags] (COMMAND -h shows its flags)")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
}

// errUsage means that the reason has already been printed.
var errUsage = errors.New("wrong usage")

// adminVariable is the environment variable with the default of --admin.
const adminVariable = "AZURE_EMULATOR_ADMIN"

// invocation is one run of a command.
type invocation struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	flags          *flag.FlagSet

	admin string
	wait  time.Duration
}

// parse parses the flags and requires exactly n arguments, or any number if n is negative.
func (c *invocation) parse(args []string, n int) error {
	if err := c.flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if n >= 0 && c.flags.NArg() != n {
		return c.misused("want %d arguments, got %q", n, c.flags.Args())
	}
	return nil
}

func (c *invocation) misused(format string, args ...any) error {
	fmt.Fprintf(c.stderr, "%s: %s\n", c.flags.Name(), fmt.Sprintf(format, args...))
	return errUsage
}

// connect parses the flags of a command that controls an emulator.
func (c *invocation) connect(args []string, n int) (*azure.AdminClient, error) {
	fallback := os.Getenv(adminVariable)
	if fallback == "" {
		fallback = "http://127.0.0.1:8080"
	}
	c.flags.StringVar(&c.admin, "admin", fallback, "base `URL` of the admin API; default from "+adminVariable)
	c.flags.DurationVar(&c.wait, "wait", 0, "how long to wait for the emulator to be ready")
	if err := c.parse(args, n); err != nil {
		return nil, err
	}
	client := azure.NewAdminClient(c.admin, nil)
	if c.wait > 0 {
		ctx, cancel := context.WithTimeout(c.ctx, c.wait)
		defer cancel()
		if err := client.WaitReady(ctx); err != nil {
			return nil, err
		}
	}
	return client, nil
}

// printJSON writes a result as one line of JSON.
func (c *invocation) printJSON(v any) error { return json.NewEncoder(c.stdout).Encode(v) }

// printResult writes a result unless there was an error.
func printResult[T any](c *invocation, v T, err error) error {
	if err != nil {
		return err
	}
	return c.printJSON(v)
}
