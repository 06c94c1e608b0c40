package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
)

// runtimeEvents are the events of the node's containerd. The kubelet's status has only seconds, and
// nothing of probes.
type runtimeEvents struct {
	cmd *exec.Cmd

	mu   sync.Mutex
	seen []runtimeEvent
}

// runtimeEvent is an event of a task: the process of a container, or one that a probe starts in it.
type runtimeEvent struct {
	at    time.Time
	topic string
	// Container is the ID of the container, Exec that of a process that was started later.
	Container string `json:"container_id"`
	Exec      string `json:"exec_id"`
	// ID is Exec, or Container, in the event of an exit.
	ID     string `json:"id"`
	Status int    `json:"exit_status"`
}

// Topics of events.
const (
	taskStarted = "/tasks/start"
	execStarted = "/tasks/exec-started"
	taskExited  = "/tasks/exit"
)

// watchRuntime follows the events until ctx ends.
func watchRuntime(ctx context.Context, c *cluster.Cluster) (*runtimeEvents, error) {
	r := &runtimeEvents{cmd: c.Containerd(ctx, "events")}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("follow the events of containerd: %w", err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if e, ok := parseEvent(lines.Text()); ok {
				r.mu.Lock()
				r.seen = append(r.seen, e)
				r.mu.Unlock()
			}
		}
		_ = r.cmd.Wait() // it ends with ctx
	}()
	return r, nil
}

// parseEvent parses a line such as
//
//	2026-11-25 18:00:00.123456789 +0000 UTC k8s.io /tasks/start {"container_id":"...","pid":42}
func parseEvent(line string) (e runtimeEvent, ok bool) {
	const fieldsBefore = 7
	fields := strings.SplitN(line, " ", fieldsBefore)
	if len(fields) < fieldsBefore {
		return e, false
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", strings.Join(fields[:4], " "))
	if err != nil || json.Unmarshal([]byte(fields[6]), &e) != nil {
		return e, false
	}
	e.at, e.topic = at, fields[5]
	return e, true
}

// of returns the events of a container, in order.
func (r *runtimeEvents) of(container string) (found []runtimeEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.seen {
		if e.Container == container {
			found = append(found, e)
		}
	}
	return found
}
