// Command chaos makes faults while the two programs work, checks all the time what must hold, and
// prints one table: the fault, how often it was made, the checks, and the violations.
//
//	go run ./e2e/chaos [-seed N] [-duration 10m] [NAME...]
//
// makes all faults, or those whose names begin with a NAME, such as "sidecar" or "node-kubelet".
// -list prints them, with what must hold.
//
// The sidecar's faults are made on processes in sandboxes, each with its own emulated Azure,
// several at a time. The node's faults are made one after the other on a separate node (cluster
// "certsync-chaos") with the chart installed. During all of it, for the -duration, one more sidecar
// is killed again and again (sidecar-kill). What the programs print, serve and get as environment
// is searched for the bytes of every key and token that an emulator has issued or received.
//
// Order, choice and moments of the faults follow from the seed, which is printed: the same seed
// makes the same faults again. How far a program has got at such a moment depends on the machine.
//
// Traffic stays on loopback and in network namespaces that belong to this process. It needs Linux,
// root and iproute2. The table, and below it each violation, is all that it prints on its standard
// output; progress goes to standard error. Nothing stays behind, also after an interrupt. After a
// kill, only temporary files and the node stay; the next run removes the node. The exit code is 1
// after a violation, or if a fault could not be made.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 0, "`number` from which the faults follow; 0 for a random one")
	flag.DurationVar(&o.duration, "duration", 10*time.Minute, "how long the sidecar is killed (sidecar-kill)")
	list := flag.Bool("list", false, "print the faults and what must hold, and end")
	flag.Parse()
	o.names = flag.Args()
	if *list {
		for _, f := range faults() {
			fmt.Printf("%s: %s\n", f.name, f.holds)
		}
		return
	}
	rig.Main("chaos", func(ctx context.Context) error { return run(ctx, o) })
}

type options struct {
	seed     uint64
	duration time.Duration
	names    []string
}

// fault is a row of the table.
type fault struct {
	name, holds string
	// run makes the fault. The error is why that was not possible.
	run func(context.Context, *trial) error
	// beside faults are made during all the others; node faults one after the other, on the node.
	beside, node bool
}

// faults returns all faults.
func faults() []fault {
	return slices.Concat([]fault{kills}, serviceFaults(), networkFaults(), diskFaults(), fileFaults(), nodeFaults())
}

func run(ctx context.Context, o options) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("needs root, for network namespaces and mounts")
	}
	chosen, err := choose(faults(), o.names)
	if err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32)
	}
	progress("seed %d: %d faults", o.seed, len(chosen))
	r, err := newRunner(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.temp)) }()
	err = r.all(ctx, chosen)
	fmt.Printf("seed %d\n", o.seed)
	r.report.print(os.Stdout)
	return errors.Join(err, r.report.failed())
}

// choose returns the faults whose names begin with one of the given ones.
func choose(all []fault, names []string) (chosen []fault, err error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(f fault) bool { return strings.HasPrefix(f.name, name) }) {
			return nil, fmt.Errorf("no fault's name begins with %q; -list prints all", name)
		}
	}
	return slices.DeleteFunc(all, func(f fault) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(f.name, name) })
	}), nil
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
