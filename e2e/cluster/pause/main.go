// Command pause is the sandbox process of a pod: it keeps the pod's namespaces and waits
// for a signal. It reads nothing.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
}
