package reload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// signaller is a Call that signals all processes of a name.
type signaller struct {
	signal syscall.Signal
	name   string
	done   map[process]bool
}

// newSignaller takes a signal that Validate has accepted.
func newSignaller(signal, name string) *signaller {
	number, err := contract.SignalNumber(strings.TrimPrefix(signal, "SIG"))
	if err != nil {
		panic(err) // Validate refuses it
	}
	return &signaller{signal: syscall.Signal(number), name: name, done: map[process]bool{}}
}

// Try implements Call. A process that has got the signal does not get it again. The errors are *NoProcessError and
// *NotPermittedError.
func (s *signaller) Try(context.Context) error {
	all, err := processes()
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	var refused []process
	for _, p := range all {
		if p.comm != s.name || s.done[p] {
			continue
		}
		switch err := p.signal(s.signal); {
		case err == nil:
			s.done[p] = true
		case errors.Is(err, os.ErrProcessDone):
		case errors.Is(err, os.ErrPermission):
			refused = append(refused, p)
		default:
			return fmt.Errorf("signal process %d (%s): %w", p.pid, p.comm, err)
		}
	}
	switch {
	case len(refused) > 0:
		return &NotPermittedError{Name: s.name, Process: refused[0].pid, Owner: refused[0].owner(), Own: os.Getuid()}
	case len(s.done) == 0:
		return &NoProcessError{Name: s.name, Running: commands(all)}
	}
	return nil
}

// commands are the names of processes, sorted, each once.
func commands(all []process) []string {
	var names []string
	for _, p := range all {
		names = append(names, p.comm)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// NoProcessError says that no process has the name.
type NoProcessError struct {
	Name string
	// Running are the names that there are.
	Running []string
}

func (e *NoProcessError) Error() string {
	running := "no other process can be seen: in a pod, shareProcessNamespace must be true"
	if len(e.Running) > 0 {
		running = "there are " + list(e.Running)
	}
	return fmt.Sprintf("reload.process: no process has the name %q, as /proc/<pid>/comm has it (at most 15 bytes): %s", e.Name, running)
}

// list names up to ten.
func list(names []string) string {
	if more := len(names) - 10; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:10], ", "), more)
	}
	return strings.Join(names, ", ")
}

// NotPermittedError says that the kernel did not let the signal through.
//
// Source: kill(2): the sender's real or effective user ID must equal the receiver's real or saved one
type NotPermittedError struct {
	Name    string
	Process int
	// Owner is the user ID of the process, Own that of the sidecar.
	Owner string
	Own   int
}

func (e *NotPermittedError) Error() string {
	return fmt.Sprintf("reload.signal: user ID %d may not signal process %d (%s) of user ID %s: a process without privileges reaches "+
		"those of its own user ID only: give all of the app's containers one runAsUser other than 0 (the sidecar then runs as it), "+
		"or use reload.url", e.Own, e.Process, e.Name, e.Owner)
}
