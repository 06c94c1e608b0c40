//go:build !windows

package service

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Args returns the program's flags. Only Windows has a service manager that the program knows.
func Args(args []string) (flags []string, asService bool) { return args, false }

// Run calls program with a context that ends on SIGTERM or an interrupt, and returns its error.
func Run(_ bool, program func(ctx context.Context) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a log without a reader must not end the process
	return program(ctx)
}

// LogHandlers returns the handlers of the service manager's log. Linux has none: it reads standard
// error.
func LogHandlers(slog.Leveler) []slog.Handler { return nil }

// Manage fails: it needs Windows.
func Manage([]string, string) error {
	return errors.New("only Windows has services of this kind: on Linux, install the package, which has a systemd unit")
}
