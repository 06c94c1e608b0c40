package main

import (
	"fmt"
	"os"
	"strings"
)

// terminationLog is the file that the kubelet shows as the container's last state.
const terminationLog = "/dev/termination-log"

// maxTermination limits the text: Kubernetes keeps 4096 bytes.
const maxTermination = 4000

// terminate reports why the process ends: in the termination message, which "kubectl describe pod"
// shows, if the file exists, and on standard error. Standard error comes second: it may be a pipe
// without a reader.
func terminate(err error) {
	text := err.Error()
	f, openErr := os.OpenFile(terminationLog, os.O_WRONLY|os.O_TRUNC, 0)
	if openErr == nil {
		defer f.Close()
		_, _ = f.WriteString(shorten(text)) // a failure cannot be reported
	}
	fmt.Fprintln(os.Stderr, "certsync:", text)
}

// shorten cuts a text that is too long, between two characters.
func shorten(text string) string {
	if len(text) <= maxTermination {
		return text
	}
	return strings.ToValidUTF8(text[:maxTermination], "") + "..."
}
