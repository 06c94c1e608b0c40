// Command abuse attacks the two programs the way a tenant, a neighbour or a stranger in the cluster
// can, and prints one table: the attack, what it cost, the limit, and whether the limit holds.
//
//	go run ./e2e/abuse [NAME...]
//
// runs all attacks, or those whose names begin with a NAME, such as "webhook" or "sidecar-sync".
//
// The programs are the ones of the images, in a cgroup with the chart's memory limits: 256 MiB for
// the webhook, which runs against the API server of a separate node (cluster "certsync-abuse"), and
// 64 MiB for the sidecar, which runs against the emulated Azure in a sandbox. Traffic stays on
// loopback and in network namespaces that belong to this process. Each attack is bounded in number
// and time.
//
// The attackers share the machine's CPUs with the programs, so response times are worse than with
// attackers elsewhere.
//
// It needs Linux, root and iproute2. The table is all that it prints on its standard output;
// progress goes to standard error. Nothing stays behind, also after an interrupt. After a kill,
// only temporary files, an empty cgroup and the node stay; the next run removes the latter two. The
// exit code is 1 if a limit does not hold, or if an attack could not be carried out.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

func main() {
	rig.Main("abuse", func(ctx context.Context) error { return run(ctx, os.Args[1:]) })
}

// attack is a row of the table.
type attack struct {
	name  string
	limit string
	// run returns what the attack cost. The error is why a limit does not hold.
	run func(context.Context) (cost string, err error)
}

// part is a group of attacks that share what they run against.
type part struct {
	attacks []attack
	// start prepares for the attacks, and stop ends that, also after an error of start.
	start func(context.Context) error
	stop  func(context.Context)
}

// errSetup marks an error that stops the run: the attack was not carried out.
var errSetup = errors.New("the attack could not be carried out")

func run(ctx context.Context, names []string) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("needs root, for network namespaces and cgroups with memory limits")
	}
	repo, err := rig.Output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "certsync-abuse-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	p := programs{repo: repo, built: temp, temp: temp}
	parts, err := choose([]part{newHook(p).part(), newSide(p).part(), newPair(p).part()}, names)
	if err != nil {
		return err
	}
	var t table
	for _, part := range parts {
		if err = t.run(ctx, part); err != nil {
			break
		}
	}
	t.print(os.Stdout)
	return errors.Join(err, t.failed())
}

// choose returns the parts with the attacks whose names begin with one of the given ones.
func choose(all []part, names []string) (chosen []part, err error) {
	used := map[string]bool{}
	for _, p := range all {
		p.attacks = slices.DeleteFunc(p.attacks, func(a attack) bool {
			found := len(names) == 0
			for _, name := range names {
				if strings.HasPrefix(a.name, name) {
					found, used[name] = true, true
				}
			}
			return !found
		})
		if len(p.attacks) > 0 {
			chosen = append(chosen, p)
		}
	}
	for _, name := range names {
		if !used[name] {
			return nil, fmt.Errorf("no attack's name begins with %q", name)
		}
	}
	return chosen, nil
}

// programs are built when they are needed.
type programs struct {
	repo, built string
	temp        string // for files
}

func (p programs) build(ctx context.Context, name string) (string, error) {
	if program := filepath.Join(p.built, name); exists(program) {
		return program, nil
	}
	progress("building the %s", name)
	return rig.Build(ctx, p.repo, p.built, name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
