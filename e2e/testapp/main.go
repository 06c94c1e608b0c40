// Command testapp contains the programs that the demo and the end-to-end tests run in pods, as one
// static binary for images without a shell:
//
//	testapp serve --listen :8443 --pem FILE     an app: a small HTTPS server that reads a PEM file
//	testapp watch --addr HOST:PORT --ca FILE    a client: repeats TLS handshakes, prints every change and failure
//	testapp list DIR                            ls -lA, for images without ls
//	testapp read FILE                           whether this user can read a file, its owner and mode
//	testapp notify FILE                         waits until a watched PEM file is replaced, and prints the new serial number
//	testapp token RESOURCE [CREDENTIAL...]      the claims of tokens, by a managed identity or other credentials
//	testapp kill SIGNAL CONTAINER-ID            a signal to a container's processes, from a pod with hostPID
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testapp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("no command: want serve, watch, list, read, notify, token or kill")
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:])
	case "watch":
		return watch(ctx, args[1:])
	case "list":
		return list(os.Stdout, args[1:])
	case "read":
		return read(os.Stdout, args[1:])
	case "notify":
		return notify(ctx, os.Stdout, args[1:])
	case "token":
		return token(ctx, os.Stdout, args[1:])
	case "kill":
		return kill(args[1:])
	}
	return fmt.Errorf("unknown command %q: want serve, watch, list, read, notify, token or kill", args[0])
}
