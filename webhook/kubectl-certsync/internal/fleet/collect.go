package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"golang.org/x/sync/errgroup"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
)

// Executor runs a command in a container and returns its standard output.
type Executor interface {
	Exec(ctx context.Context, pod *corev1.Pod, container string, command ...string) ([]byte, error)
}

// program is the path of the program in the sidecar's image.
const program = "/certsync"

const (
	// queryTime bounds one query.
	queryTime = 10 * time.Second
	// concurrency is how many sidecars are queried at a time. Each query is a connection from the
	// API server to a kubelet.
	concurrency = 16
)

// Pod is the status of one pod.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Node      string `json:"node,omitempty"`
	// Status is absent if the sidecar could not be queried; Unreachable is the reason.
	Status      *contract.Status `json:"status,omitempty"`
	Unreachable string           `json:"unreachable,omitempty"`
	// Denied is true if the caller lacks the permission to query it.
	Denied bool `json:"-"`
}

// Collect returns the status of the pods with a sidecar, sorted by namespace and name. Pods without
// one, and pods that have ended, are left out.
func Collect(ctx context.Context, e Executor, pods []corev1.Pod) []Pod {
	var list []*corev1.Pod
	for i := range pods {
		if Sidecar(&pods[i]) != nil && !Finished(&pods[i]) {
			list = append(list, &pods[i])
		}
	}
	result := make([]Pod, len(list))
	var g errgroup.Group
	g.SetLimit(concurrency)
	for i, pod := range list {
		g.Go(func() error {
			result[i] = Query(ctx, e, pod, false)
			return nil
		})
	}
	_ = g.Wait() // the functions return no error
	slices.SortFunc(result, func(a, b Pod) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return result
}

// Query returns the status of one pod, with the chains of its certificates if they are requested.
func Query(ctx context.Context, e Executor, pod *corev1.Pod, chains bool) Pod {
	p := Pod{Namespace: pod.Namespace, Name: pod.Name, Node: pod.Spec.NodeName}
	if p.Unreachable = notRunning(pod); p.Unreachable != "" {
		return p
	}
	command := []string{program, contract.CommandStatus, "-o", "json"}
	if chains {
		command = append(command, "--chain")
	}
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	out, err := e.Exec(ctx, pod, contract.ContainerName, command...)
	if err != nil {
		var access *cluster.AccessError
		p.Unreachable, p.Denied = explain(err), errors.As(err, &access)
		return p
	}
	p.Status = &contract.Status{}
	if err := json.Unmarshal(out, p.Status); err != nil {
		p.Status, p.Unreachable = nil, fmt.Sprintf("the sidecar's status is not JSON: %v", err)
	}
	return p
}

// syncTime bounds a poll: the sidecar waits up to ten seconds before it, and a minute for it.
const syncTime = 75 * time.Second

// Sync lets the sidecar of a pod poll now. It returns the outcome, and whether every certificate is
// in the store and up to date. The error is about the query: a *cluster.AccessError if the caller
// lacks a permission.
func Sync(ctx context.Context, e Executor, pod *corev1.Pod) (ok bool, outcome string, err error) {
	if reason := notRunning(pod); reason != "" {
		return false, "", errors.New(reason)
	}
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	out, err := e.Exec(ctx, pod, contract.ContainerName, program, contract.CommandSync)
	var exit *cluster.ExitError
	if errors.As(err, &exit) && exit.Code == contract.ExitFailure && exit.Stdout != "" {
		return false, strings.TrimSpace(exit.Stdout), nil
	}
	var access *cluster.AccessError
	switch {
	case errors.As(err, &access):
		return false, "", err
	case err != nil:
		return false, "", errors.New(explain(err))
	}
	return true, strings.TrimSpace(string(out)), nil
}

// explain returns a sentence about a query that failed.
func explain(err error) string {
	var exit *cluster.ExitError
	switch {
	case !errors.As(err, &exit):
		return err.Error()
	case exit.Code == contract.ExitUsage: // it does not know the command
		return "the sidecar is older than this plugin and does not have the command: recreate the pod to update it"
	case exit.Stderr != "":
		return strings.TrimSpace(strings.TrimPrefix(exit.Stderr, "certsync: "))
	}
	return exit.Error()
}
