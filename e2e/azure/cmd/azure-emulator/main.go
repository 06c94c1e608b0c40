// Command azure-emulator serves the emulated Entra ID and Key Vault of package
// azure, and drives a running one by its admin API.
//
//	azure-emulator serve --config state.json --ca-dir DIR --listen :443 --admin :8080
//	azure-emulator renew --vault example.vault.azure.net --name web
//
// Every command but serve finds the emulator by --admin or the variable
// AZURE_EMULATOR_ADMIN, and prints its result as JSON. It exits with 0 if the
// command succeeded, 1 if it failed and 2 if it was called wrongly. It is a test
// tool: it never talks to Microsoft's services and guards nothing.
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

// run is main without the process: it returns the exit code.
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
