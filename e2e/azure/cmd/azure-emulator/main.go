// Command azure-emulator serves the emulated Entra ID and Key Vault of package azure, and controls
// a running emulator through its admin API.
//
//	azure-emulator serve --config state.json --ca-dir DIR --listen :443 --admin :8080
//	azure-emulator renew --vault example.vault.azure.net --name web
//
// All commands except serve find the emulator through --admin or the environment variable
// AZURE_EMULATOR_ADMIN, and print their result as JSON. The exit code is 0 after success, 1 after a
// failure and 2 for wrong usage. It is a test tool: it never connects to Microsoft's services, and
// protects nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs the program and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return 2
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(stderr, "azure-emulator: unknown command %q\n", args[0])
		usage(stderr)
		return 2
	}
	c := &invocation{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}
	c.flags = flag.NewFlagSet("azure-emulator "+args[0], flag.ContinueOnError)
	c.flags.SetOutput(stderr)
	err := commands[i].run(c, args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintf(stderr, "azure-emulator %s: %v\n", args[0], err)
	return 1
}
