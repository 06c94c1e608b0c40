package main

import (
	"fmt"
	"os"
	"strings"
)

// terminationLog is what the kubelet shows as the container's last state.
const terminationLog = "/dev/termination-log"

// terminate says why the process ends, to people on standard error and to "kubectl describe pod" in the
// termination message, where there is one. Kubernetes keeps 4096 bytes of it.
func terminate(err error) {
	text := err.Error()
	fmt.Fprintln(os.Stderr, "certsync:", text)
	f, openErr := os.OpenFile(terminationLog, os.O_WRONLY|os.O_TRUNC, 0)
	if openErr != nil {
		return // not in a container
	}
	defer f.Close()
	if len(text) > 4000 {
		text = strings.ToValidUTF8(text[:4000], "") + "..."
	}
	_, _ = f.WriteString(text) // there is nowhere left to say that it failed
}
