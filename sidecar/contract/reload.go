package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// reload checks what is to be done after a renewal.
func (v *validator) reload(r Reload) {
	at := pathSecrets + ".reload"
	if r.Signal != "" {
		if number, err := SignalNumber(r.Signal); err != nil {
			v.fail(at+".signal", r.Signal, "%s", err)
		} else {
			r.Signal = signalName(number)
		}
	}
	switch {
	case r.Signal != "" && r.Process == "":
		v.fail(at+".process", "", "is needed with reload.signal: the name of the process that gets it")
	case r.Process != "" && r.Signal == "":
		v.fail(at+".signal", "", "is needed with reload.process, as in HUP")
	}
	if reason := checkProcess(r.Process); reason != "" {
		v.fail(at+".process", r.Process, "%s", reason)
	}
	if reason := checkReloadURL(r.URL); reason != "" {
		v.fail(at+".url", shownURL(r.URL), "%s", reason)
	}
	v.config.Reload = r
}

// maxProcess is the length that the kernel cuts a process name to: TASK_COMM_LEN less the final NUL.
//
// Source: proc_pid_comm(5)
const maxProcess = 15

func checkProcess(name string) string {
	switch {
	case strings.ContainsFunc(name, isControl):
		return "control characters are not allowed"
	case strings.HasPrefix(name, "/"):
		return "the name of a process is needed, as /proc/<pid>/comm has it, not a path"
	case len(name) > maxProcess:
		return fmt.Sprintf("is never found: the kernel cuts names to %d bytes; write %s", maxProcess, quote(strings.ToValidUTF8(name[:maxProcess], "")))
	}
	return ""
}

func checkReloadURL(text string) string {
	if text == "" {
		return ""
	}
	u, reason := parseURL(text)
	switch {
	case reason != "":
		return reason
	case u.Scheme != "http" && u.Scheme != "https":
		return "http:// or https:// is needed"
	case u.User != nil || strings.Contains(text, "#"):
		return "a user name, password or fragment is not allowed in it"
	case !loopback(u.Hostname()):
		return "only this pod or host itself may be called: localhost, 127.0.0.1 or [::1]"
	case !validPort(u.Port()):
		return "a port is a number from 1 to 65535"
	}
	return ""
}

// signalNames are Linux's signals by number, from 1, on all architectures that Go knows but MIPS.
//
// Source: signal(7)
var signalNames = strings.Fields("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD " +
	"CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS")

// SignalNumber returns the number of a signal given by name, with or without SIG and in any case, or by
// number (real-time signals too). It refuses STOP and TSTP, which would freeze the process for good.
func SignalNumber(text string) (int, error) {
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	number := 1 + slices.Index(signalNames, name)
	if digits(text) {
		number, _ = strconv.Atoi(text) // out of range: refused below
		if number == 32 || number == 33 {
			number = 0 // the C library keeps these for itself
		}
	}
	if number < 1 || number > 64 {
		reason := "is no signal: expected a name or number, as in HUP, USR1 or 15"
		if near := Nearest(name, signalNames); near != "" {
			reason += "; did you mean " + near + "?"
		}
		return 0, fmt.Errorf("%s", reason)
	}
	if name := signalName(number); name == "SIGSTOP" || name == "SIGTSTP" {
		return 0, fmt.Errorf("%s would stop the process, and nothing continues it", name)
	}
	return number, nil
}

// signalName is the opposite of SignalNumber.
func signalName(number int) string {
	if number <= len(signalNames) {
		return "SIG" + signalNames[number-1]
	}
	return strconv.Itoa(number)
}
