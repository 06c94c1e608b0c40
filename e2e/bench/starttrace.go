package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// step is a step of a pod's start.
type step int

const (
	scheduledStep step = iota
	containerStep
	processStep
	tokenStep
	firstGetStep
	syncedStep
	probeStep
	probedStep
	startedStep
	appStep
	readyStep
)

// steps are the names of the steps, in order.
var steps = [...]string{
	scheduledStep: "scheduled",       // by the watch
	containerStep: "container",       // the sidecar's process is started: containerd's event
	processStep:   "first log line",  // the settings are loaded
	tokenStep:     "token request",   // at the emulator
	firstGetStep:  "first GET",       // with the token, at the emulator
	syncedStep:    "synced",          // by the log
	probeStep:     "probe",           // the first one's process is started: containerd's event
	probedStep:    "probe succeeded", // its process has ended with 0
	startedStep:   "status started",  // by the watch
	appStep:       "app",             // the app's process is started: containerd's event
	readyStep:     "ready",           // by the watch
}

// podStart is the start of one pod.
type podStart struct {
	created time.Time
	steps   map[step]time.Time
	cgroup  cgroupUsage
}

func newPodStart() *podStart { return &podStart{created: time.Now(), steps: map[step]time.Time{}} }

// reach records the first time of a step.
func (p *podStart) reach(s step, at time.Time) {
	if _, known := p.steps[s]; !known {
		p.steps[s] = at
	}
}

// follow records what the API server reports until the pod is ready, and returns that pod.
func (p *podStart) follow(ctx context.Context, changes watch.Interface) (*corev1.Pod, error) {
	for {
		pod, err := next(ctx, changes)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if pod.Spec.NodeName != "" {
			p.reach(scheduledStep, now)
		}
		if c := framework.ContainerStatus(pod, contract.ContainerName); c != nil && c.Started != nil && *c.Started {
			p.reach(startedStep, now)
		}
		if framework.Ready(pod) {
			p.reach(readyStep, now)
			return pod, nil
		}
	}
}

// gone waits until the pod is deleted.
func gone(ctx context.Context, changes watch.Interface) error {
	for {
		switch _, err := next(ctx, changes); {
		case errors.Is(err, errDeleted):
			return nil
		case err != nil:
			return err
		}
	}
}

var errDeleted = errors.New("the pod was deleted")

func next(ctx context.Context, changes watch.Interface) (*corev1.Pod, error) {
	select {
	case e, open := <-changes.ResultChan():
		pod, ok := e.Object.(*corev1.Pod)
		switch {
		case !open, !ok:
			return nil, fmt.Errorf("the watch has ended: %v", e.Object)
		case e.Type == watch.Deleted:
			return nil, errDeleted
		}
		return pod, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// add adds what containerd, the emulator, the sidecar's log and its cgroup tell about a pod that is
// ready.
func (p *podStart) add(ctx context.Context, s *startBench, pod *corev1.Pod) error {
	for _, e := range s.events.of(containerID(pod, appName)) {
		if e.topic == taskStarted {
			p.reach(appStep, e.at)
		}
	}
	first := contract.ContainerName
	if framework.ContainerStatus(pod, contract.InitContainerName) != nil {
		first = contract.InitContainerName
	}
	id := containerID(pod, first)
	if id == "" {
		return nil
	}
	p.addTasks(s.events.of(id))
	p.cgroup = usageOf(pod.UID, id)
	if err := p.addRequests(ctx, s); err != nil {
		return err
	}
	return p.addLog(ctx, s, pod, first)
}

func containerID(pod *corev1.Pod, name string) string {
	c := framework.ContainerStatus(pod, name)
	if c == nil {
		return ""
	}
	_, id, _ := strings.Cut(c.ContainerID, "://")
	return id
}

func (p *podStart) addTasks(events []runtimeEvent) {
	for _, e := range events {
		switch {
		case e.topic == taskStarted:
			p.reach(containerStep, e.at)
		case e.topic == execStarted:
			p.reach(probeStep, e.at)
		case e.topic == taskExited && e.ID != e.Container && e.Status == 0:
			p.reach(probedStep, e.at)
		}
	}
}

func (p *podStart) addRequests(ctx context.Context, s *startBench) error {
	requests, err := s.env.Azure.Requests(ctx, azure.Filter{After: s.last, ClientID: s.clientID})
	if err != nil {
		return err
	}
	for _, r := range requests {
		s.last = max(s.last, r.Seq)
		switch r.Operation {
		case azure.OpToken:
			p.reach(tokenStep, r.Time)
		case azure.OpGetSecret:
			p.reach(firstGetStep, r.Time)
		}
	}
	return nil
}

// addLog reads the sidecar's log: its first line, and the line of the last certificate.
func (p *podStart) addLog(ctx context.Context, s *startBench, pod *corev1.Pod, container string) error {
	log, err := s.env.Client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container}).Stream(ctx)
	if err != nil {
		return err
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct {
			Time time.Time `json:"time"`
			Msg  string    `json:"msg"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("log of %s: %q: %w", container, lines.Text(), err)
		}
		p.reach(processStep, line.Time)
		if line.Msg == "certificate installed" {
			p.steps[syncedStep] = line.Time
		}
	}
	return lines.Err()
}

// cgroupUsage is what a container's cgroup used since its start.
type cgroupUsage struct {
	read               bool
	cpu                time.Duration
	periods, throttled int // of the CPU limit; 0 without a limit
}

// usageOf reads the cgroup of a container. It may be gone, or belong to another node.
func usageOf(pod types.UID, container string) (u cgroupUsage) {
	values := map[string]int{}
	for _, file := range []string{"cpu/*/cpu.stat", "cpuacct/*/cpuacct.usage", "*/cpu.stat"} {
		pattern := filepath.Join("/sys/fs/cgroup", strings.Replace(file, "*", startsNode+"/kubepods/*/pod"+string(pod)+"/"+container, 1))
		for _, found := range []string{pattern, strings.Replace(pattern, "kubepods/*/", "kubepods/", 1)} {
			readFlat(found, values)
		}
	}
	u.cpu = time.Duration(values["usage_usec"])*time.Microsecond + time.Duration(values["cpuacct.usage"])
	u.periods, u.throttled = values["nr_periods"], values["nr_throttled"]
	u.read = u.cpu > 0
	return u
}

// readFlat reads the lines "name value" of the files of a pattern, and a single value under the
// file's name.
func readFlat(pattern string, values map[string]int) {
	files, _ := filepath.Glob(pattern) // the pattern is valid
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
			if !ok {
				name, value = filepath.Base(file), name
			}
			if n, err := strconv.Atoi(value); err == nil {
				values[name] = n
			}
		}
	}
}

func limitedResources() corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}
}
