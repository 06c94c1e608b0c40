package main

import (
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// tmpfsCommand creates a directory and mounts a small volume on it, until the end of the script.
//
//	tmpfs DIR SIZE
func tmpfsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs DIR SIZE")
	}
	mount(ts, args[0], "tmpfs", "size="+args[1])
}

// ramfsCommand creates a directory and mounts a volume without POSIX ACLs on it, until the end of
// the script.
//
//	ramfs DIR
func ramfsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ramfs DIR")
	}
	mount(ts, args[0], "ramfs", "")
}

func mount(ts *testscript.TestScript, dir, kind, options string) {
	dir = ts.MkAbs(dir)
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(unix.Mount(kind, dir, kind, 0, options))
	ts.Defer(func() {
		_ = unix.Unmount(dir, unix.MNT_DETACH) // also if the script has left files open
	})
}

const leaseVariable = "LEASE"

// leaseCommand makes every process wait that opens a file, for 45 s or until the end of the script,
// by a file lease (fcntl(2)). With --awaits, it waits until a process opens the file.
//
//	lease FILE
//	lease --awaits
func leaseCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lease FILE | lease --awaits")
	}
	if args[0] != "--awaits" {
		file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
		ts.Check(err)
		ts.Defer(func() { ts.Check(file.Close()) })
		_, err = unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
		ts.Check(err)
		ts.Setenv(leaseVariable, strconv.Itoa(int(file.Fd())))
		return
	}
	fd, err := strconv.Atoi(ts.Getenv(leaseVariable))
	ts.Check(err)
	for range 1000 {
		lease, err := unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0)
		ts.Check(err)
		if lease != unix.F_WRLCK {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("no process opens the file")
}
