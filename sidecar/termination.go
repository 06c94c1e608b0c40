package main

import (
	"fmt"
	"os"
	"strings"
)

// terminationLog is what the kubelet shows as the container's last state.
const terminationLog = "/dev/termination-log"

// maxTermination is how much of it is written: Kubernetes keeps 4096 bytes.
const maxTermination = 4000

// terminate says why the process ends: in the termination message, which "kubectl describe pod" shows, where there is
// one, and on standard error. That comes second, since it may be a pipe that nobody reads.
func terminate(err error) {
	text := err.Error()
	f, openErr := os.OpenFile(terminationLog, os.O_WRONLY|os.O_TRUNC, 0)
	if openErr == nil {
		defer f.Close()
		_, _ = f.WriteString(shorten(text)) // there is nowhere left to say that it failed
	}
	fmt.Fprintln(os.Stderr, "certsync:", text)
}

// shorten cuts a text between two characters, if it is too long.
func shorten(text string) string {
	if len(text) <= maxTermination {
		return text
	}
	return strings.ToValidUTF8(text[:maxTermination], "") + "..."
}
