package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// processesOf returns the IDs of a container's processes on this machine, given its ID with the
// scheme.
func processesOf(containerID string) (pids []int, err error) {
	_, id, _ := strings.Cut(containerID, "://")
	if id == "" {
		return nil, fmt.Errorf("container ID %q", containerID)
	}
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(groups, []byte(id)) {
			continue // it ended meanwhile, or belongs to another container
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// killContainer kills the processes of a container, as the kernel does when memory is short.
func killContainer(containerID string) error {
	pids, err := processesOf(containerID)
	if err == nil && len(pids) == 0 {
		err = fmt.Errorf("container %s has no process", containerID)
	}
	for _, pid := range pids {
		if killErr := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(killErr, syscall.ESRCH) {
			err = errors.Join(err, killErr)
		}
	}
	return err
}

// collect gives to the scanner what can be seen of the pods: the objects with their environment,
// status and termination messages, events, logs, and the environment of the processes.
func (n *node) collect(ctx context.Context) error {
	for _, kind := range []string{"pods", "events"} {
		text, err := n.Cluster.Kubectl(ctx, "get", kind, "--all-namespaces", "--output=json")
		if err != nil {
			return err
		}
		n.runner.scanner.add("node: "+kind, []byte(text))
	}
	pods, err := n.Client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range pods.Items {
		n.collectPod(ctx, &pods.Items[i])
	}
	n.runner.scanner.scan(ctx)
	return nil
}

func (n *node) collectPod(ctx context.Context, pod *corev1.Pod) {
	if pod.Namespace == framework.AzureNamespace || pod.Spec.NodeName == "" {
		return // the emulator's keys are its own; what runs nowhere has no log
	}
	where := "node: " + pod.Namespace + "/" + pod.Name
	for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		for _, previous := range []bool{false, true} {
			options := &corev1.PodLogOptions{Container: status.Name, Previous: previous}
			if log, err := n.Client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).DoRaw(ctx); err == nil { // there may be none
				n.runner.scanner.add(where+": log", log)
			}
		}
		pids, err := processesOf(status.ContainerID)
		if err != nil {
			continue // it never ran
		}
		for _, pid := range pids {
			if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil { // it may have ended
				n.runner.scanner.add(where+": environment", environ)
			}
		}
	}
	if pod.Namespace == framework.SystemNamespace {
		if text, err := n.get(ctx, "http://"+pod.Status.PodIP+":8095/metrics"); err == nil { // a pod of "helm test" has none
			n.runner.scanner.add(where+": metrics", []byte(text))
		}
	}
}
