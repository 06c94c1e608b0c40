package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// reload checks the settings for the time after a renewal.
func (v *validator) reload(r Reload) {
	at := PathSecrets + ".reload"
	if r.Signal != "" {
		if number, err := SignalNumber(r.Signal); err != nil {
			v.fail(at+".signal", r.Signal, "%s", err)
		} else {
			r.Signal = signalName(number)
		}
	}
	switch {
	case r.Signal != "" && r.Process == "":
		v.fail(at+".process", "", "is required with reload.signal: set it to the name of the process that receives the signal")
	case r.Process != "" && r.Signal == "":
		v.fail(at+".signal", "", "is required with reload.process, as in HUP")
	}
	if reason := checkProcess(r.Process); reason != "" {
		v.fail(at+".process", r.Process, "%s", reason)
	}
	if reason := checkReloadURL(r.URL); reason != "" {
		v.fail(at+".url", redactURL(r.URL), "%s", reason)
	}
	v.config.Reload = r
}

// maxProcess is the maximum length of a process name in the kernel: TASK_COMM_LEN without the NUL.
//
// Source: proc_pid_comm(5)
const maxProcess = 15

func checkProcess(name string) string {
	switch {
	case strings.ContainsFunc(name, isControl):
		return "control characters are not allowed"
	case strings.HasPrefix(name, "/"):
		return "expected the name of a process as in /proc/<pid>/comm, not a path"
	case len(name) > maxProcess:
		return fmt.Sprintf("never matches: the kernel cuts names to %d bytes; write %s",
			maxProcess, quote(strings.ToValidUTF8(name[:maxProcess], "")))
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
		return "expected a URL that begins with http:// or https://"
	case u.User != nil || strings.Contains(text, "#"):
		return "must not contain a user name, password or fragment"
	case !loopback(u.Hostname()):
		return "must be a loopback address: localhost, 127.0.0.1 or [::1]"
	case !validPort(u.Port()):
		return ReasonInvalidPort
	}
	return ""
}

// signalNames are the signals of Linux from number 1, on all architectures of Go except MIPS.
//
// Source: signal(7)
var signalNames = strings.Fields("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD " +
	"CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS")

// SignalNumber returns the number of a Linux signal, from 1 to 64. Text is the number, or the name
// with or without SIG, in upper or lower case. Real-time signals only have numbers. The error says
// what is allowed. STOP and TSTP are refused because nothing would continue the process.
func SignalNumber(text string) (int, error) {
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	number := 1 + slices.Index(signalNames, name)
	if digits(text) {
		number, _ = strconv.Atoi(text) // a number out of range is refused below
		if number == 32 || number == 33 {
			number = 0 // reserved for the C library: see signal(7)
		}
	}
	if number < 1 || number > 64 {
		reason := "is not a signal: expected a name or number, as in HUP, USR1 or 15"
		if near := Nearest(name, signalNames); near != "" {
			reason += "; did you mean " + near + "?"
		}
		return 0, fmt.Errorf("%s", reason)
	}
	if name := signalName(number); name == "SIGSTOP" || name == "SIGTSTP" {
		return 0, fmt.Errorf("%s is not allowed: it would stop the process, and nothing would continue it", name)
	}
	return number, nil
}

// signalName is the inverse of SignalNumber.
func signalName(number int) string {
	if number <= len(signalNames) {
		return "SIG" + signalNames[number-1]
	}
	return strconv.Itoa(number)
}
