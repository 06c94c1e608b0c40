package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// list prints a directory as ls -lA does: type and mode, owner, group, size, name and the target of
// a link.
func list(w io.Writer, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: testapp list DIR")
	}
	entries, err := os.ReadDir(args[0])
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		var uid, gid uint32
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			uid, gid = stat.Uid, stat.Gid
		}
		name := entry.Name()
		if info.Mode()&os.ModeSymlink != 0 {
			target, err := os.Readlink(filepath.Join(args[0], name))
			if err != nil {
				return err
			}
			name += " -> " + target
		}
		fmt.Fprintf(w, "%-11s %5d %5d %6d %s\n", info.Mode(), uid, gid, info.Size(), name)
	}
	return nil
}
