// Package termination reports why the process ends, where people look for it.
//
// It does not end the process.
package termination

import (
	"fmt"
	"os"
	"strings"
)

// logFile is the file that the kubelet shows as the container's last state.
const logFile = "/dev/termination-log"

// maxText limits the text: Kubernetes keeps 4096 bytes.
const maxText = 4000

// Report reports why the process ends: in the termination message, which "kubectl describe pod"
// shows, if the file exists, and on standard error. Standard error comes second: it may be a pipe
// without a reader.
func Report(err error) {
	text := err.Error()
	f, openErr := os.OpenFile(logFile, os.O_WRONLY|os.O_TRUNC, 0)
	if openErr == nil {
		defer f.Close()
		_, _ = f.WriteString(shorten(text)) // a failure cannot be reported
	}
	fmt.Fprintln(os.Stderr, "certsync:", text)
}

// shorten cuts a text that is too long, between two characters.
func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "..."
}
