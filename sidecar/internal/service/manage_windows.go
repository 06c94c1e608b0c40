package service

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

// commandRun is what the service manager runs.
const commandRun = "run"

const usage = "usage: certsync service install [flags of the service] | certsync service uninstall; the service manager runs: certsync service run [flags]"

// Manage runs the command "certsync service". It installs the service, with the flags that the
// service runs with, and creates its directory, or it stops and removes the service.
func Manage(args []string, dir string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	m, err := mgr.Connect()
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return errors.New("access denied: run this command as an administrator")
	}
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer func() { _ = m.Disconnect() }() // nothing is lost
	switch {
	case args[0] == "install":
		return errors.Join(createDir(dir), install(m, args[1:]))
	case args[0] == "uninstall" && len(args) == 1:
		return uninstall(m)
	default:
		return errors.New(usage)
	}
}

// dirAccess gives full control to SYSTEM and the administrators, and nothing to others: who can
// write the settings chooses which certificates the machine gets.
const dirAccess = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

// createDir creates the directory of settings and status, if it does not exist.
func createDir(dir string) error {
	sd, err := windows.SecurityDescriptorFromString(dirAccess)
	if err != nil {
		return err
	}
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	attributes := &windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	err = windows.CreateDirectory(path, attributes)
	if err != nil && !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return fmt.Errorf("directory %s: %w", dir, err)
	}
	return nil
}

// restartAfter is the time after which the service manager starts a service again that has failed.
const restartAfter = 10 * time.Second

// install creates the service, which starts with the machine and again after a failure. It does not
// start it.
func install(m *mgr.Mgr, flags []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if s, err := m.OpenService(Name); err == nil {
		_ = s.Close() // nothing is lost
		return errors.New("the service certsync exists: remove it first with: certsync service uninstall")
	}
	s, err := m.CreateService(Name, program, mgr.Config{
		StartType:   mgr.StartAutomatic,
		DisplayName: "Azure certificate sync",
		Description: "Keeps certificates of Azure Key Vault in the certificate stores of this machine.",
	}, append([]string{Command, commandRun}, flags...)...)
	if err != nil {
		return fmt.Errorf("the service cannot be created: %w", err)
	}
	defer func() { _ = s.Close() }() // nothing is lost
	const neverReset = windows.INFINITE
	again := mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: restartAfter}
	var errs []error
	err = errors.Join(s.SetRecoveryActions([]mgr.RecoveryAction{again}, neverReset), s.SetRecoveryActionsOnNonCrashFailures(true))
	if err != nil {
		errs = append(errs, fmt.Errorf("the service is installed, but does not restart after a failure: %w", err))
	}
	if err := eventlog.InstallAsEventCreate(Name, eventlog.Error|eventlog.Warning|eventlog.Info); err != nil {
		errs = append(errs, fmt.Errorf("the service is installed, but not its source in the Event Log, which adds a remark to each event: %w", err))
	}
	return errors.Join(errs...)
}

// stopTime limits how long the service may take to stop: it ends its loop and its log, for a second
// each.
const stopTime = 10 * time.Second

func uninstall(m *mgr.Mgr) error {
	s, err := m.OpenService(Name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return errors.New("the service certsync does not exist")
	}
	if err != nil {
		return fmt.Errorf("service certsync: %w", err)
	}
	defer func() { _ = s.Close() }() // nothing is lost
	if err := stop(s); err != nil {
		return fmt.Errorf("the service cannot be stopped: %w", err)
	}
	if err := s.Delete(); err != nil {
		return fmt.Errorf("the service cannot be removed: %w", err)
	}
	_ = eventlog.Remove(Name) // may be missing
	return nil
}

// stop stops the service and waits until it has ended.
func stop(s *mgr.Service) error {
	status, err := s.Control(svc.Stop)
	if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return nil
	}
	for deadline := time.Now().Add(stopTime); err == nil && status.State != svc.Stopped; status, err = s.Query() {
		if time.Now().After(deadline) {
			return fmt.Errorf("it has not ended after %s", stopTime)
		}
		time.Sleep(100 * time.Millisecond) // the service manager has no event for this
	}
	return err
}
