package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// read reads a file as an app does, and prints its mode, owner and group. The error says why this
// user cannot read it.
func read(w io.Writer, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: testapp read FILE")
	}
	if _, err := os.ReadFile(args[0]); err != nil {
		return fmt.Errorf("user %d: %w", os.Getuid(), err)
	}
	info, err := os.Stat(args[0])
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("this system has no file owners")
	}
	fmt.Fprintf(w, "%v %d %d\n", info.Mode(), stat.Uid, stat.Gid)
	return nil
}
