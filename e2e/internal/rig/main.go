package rig

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main runs a program whose context ends with the first interrupt, so that it can remove what it
// has made. After an error it prints it with the program's name, and exits with 1.
func Main(name string, run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Pause waits, unless ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Every calls f at once and then in intervals, until ctx ends.
func Every(ctx context.Context, interval time.Duration, f func()) {
	for ctx.Err() == nil {
		f()
		_ = Pause(ctx, interval)
	}
}

// Await calls f until it returns nil. After the time it returns the last error.
func Await(ctx context.Context, most time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		err := f()
		if err == nil || Pause(ctx, 50*time.Millisecond) != nil {
			return err
		}
	}
}
