package service

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

// Args returns the program's flags, and whether the service manager starts it: then the command
// "service run", which install writes into the service's command line, is in front of them.
func Args(args []string) (flags []string, asService bool) {
	if len(args) >= 2 && args[0] == Command && args[1] == commandRun {
		return args[2:], true
	}
	return args, false
}

// Run calls program with a context that ends when the service is stopped, or in the foreground by
// Ctrl+C. It returns the program's error. A service also writes it to the Event Log.
func Run(asService bool, program func(ctx context.Context) error) error {
	if !asService {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		return program(ctx)
	}
	isService.Store(true)
	s := &server{program: program}
	err := svc.Run(Name, s)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return errors.New("the service manager has not started this process: run certsync without \"service run\"")
	}
	if err = cmp.Or(s.err, err); err != nil {
		report(err)
	}
	return err
}

// isService is whether the service manager has started this process.
var isService atomic.Bool

// LogHandlers returns a handler that writes to the Event Log, if the process is a service: it has
// no standard error.
func LogHandlers(level slog.Leveler) []slog.Handler {
	if !isService.Load() {
		return nil
	}
	if h := newEventHandler(level); h != nil {
		return []slog.Handler{h}
	}
	return nil
}

// server is the svc.Handler of the program.
type server struct {
	program func(ctx context.Context) error
	err     error
}

// exitFailed is the exit code that the service manager shows when the program has failed.
const exitFailed = 1

// Execute implements svc.Handler. The service is running when the program begins: it does not wait
// for certificates, since the service manager waits only 30 seconds.
func (s *server) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan struct{})
	go func() {
		s.err = s.program(ctx)
		close(ended)
	}()
	running := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	status <- running
	for {
		select {
		case <-ended:
			status <- svc.Status{State: svc.StopPending}
			if s.err != nil {
				return true, exitFailed
			}
			return false, 0
		case r := <-requests:
			switch r.Cmd {
			case svc.Stop, svc.Shutdown:
				running = svc.Status{State: svc.StopPending}
				status <- running
				stop()
			default: // Interrogate
				status <- running
			}
		}
	}
}
