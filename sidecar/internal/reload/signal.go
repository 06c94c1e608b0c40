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

// signaller is a Call that sends a signal to all processes with a name.
type signaller struct {
	where  contract.Mode
	signal syscall.Signal
	name   string
	done   map[process]bool
}

// newSignaller returns a signaller. The signal must be valid.
func newSignaller(where contract.Mode, signal, name string) *signaller {
	number, err := contract.SignalNumber(strings.TrimPrefix(signal, "SIG"))
	if err != nil {
		panic(err) // impossible: Validate refuses invalid signals
	}
	return &signaller{where: where, signal: syscall.Signal(number), name: name, done: map[process]bool{}}
}

// Try implements Call. A process that got the signal does not get it again. The errors are
// *NoProcessError and *NotPermittedError.
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
		return &NotPermittedError{Name: s.name, Process: refused[0].pid, Owner: refused[0].owner(), UserID: os.Getuid(), where: s.where}
	case len(s.done) == 0:
		return &NoProcessError{Name: s.name, Running: commands(all), where: s.where}
	}
	return nil
}

// commands returns the sorted names of processes without duplicates.
func commands(all []process) []string {
	var names []string
	for _, p := range all {
		names = append(names, p.comm)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// NoProcessError is returned if no process has the name.
type NoProcessError struct {
	Name string
	// Running are the names of the running processes.
	Running []string

	where contract.Mode
}

func (e *NoProcessError) Error() string {
	running := "no other process is visible" + e.where.Text(": in a pod, set shareProcessNamespace to true", "")
	if len(e.Running) > 0 {
		running = "use one of " + list(e.Running)
	}
	return fmt.Sprintf("reload.process: no process has the name %q in /proc/<pid>/comm (at most 15 bytes): %s", e.Name, running)
}

// list returns up to ten names.
func list(names []string) string {
	if more := len(names) - 10; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:10], ", "), more)
	}
	return strings.Join(names, ", ")
}

// NotPermittedError is returned if the kernel does not permit the signal.
//
// Source: kill(2): the sender's real or effective user ID must equal the receiver's real or saved
// one
type NotPermittedError struct {
	Name    string
	Process int
	// Owner is the user ID of the process, UserID that of the sidecar.
	Owner  string
	UserID int

	where contract.Mode
}

func (e *NotPermittedError) Error() string {
	return fmt.Sprintf("reload.signal: user ID %d is not permitted to signal process %d (%s) of user ID %s: a process without privileges can "+
		"only signal processes of the same user ID: %s, or use reload.url", e.UserID, e.Process, e.Name, e.Owner, e.where.Text(
		"set the same runAsUser other than 0 in all of the app's containers (the sidecar then uses it, too)",
		"run certsync as root or as that user"))
}
