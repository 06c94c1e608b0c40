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

// Run calls program with a context that ends on SIGTERM or an interrupt, and returns its error.
func Run(program func(ctx context.Context) error) error {
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
	return errors.New("only Windows has services of this kind: on Linux, write a systemd unit that runs certsync --host")
}
