package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"golang.org/x/sync/errgroup"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const nodeName = "certsync-bench"

// Service accounts, in equal parts in the namespaces.
const (
	namespaces = 20
	accounts   = 20_000
	writers    = 32
)

// node is a Kubernetes of the benchmark's own, with many service accounts.
type node struct{ *rig.Node }

// startNode starts a new node. Also on an error, the caller ends it with Stop.
func startNode(ctx context.Context) (node, error) {
	n, err := rig.StartNode(ctx, nodeName, admissionv1.Fail)
	if err != nil {
		return node{n}, err
	}
	return node{n}, node{n}.populate(ctx)
}

// populate creates the service accounts.
func (n node) populate(ctx context.Context) error {
	for i := range namespaces {
		if err := n.Namespace(ctx, namespaceName(i)); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for i := range accounts {
		group.Go(func() error { return n.account(ctx, i) })
	}
	return group.Wait()
}

func (n node) account(ctx context.Context, i int) error {
	return n.ServiceAccount(ctx, namespaceName(i), accountName(i), map[string]string{
		contract.AnnotationClientID: fmt.Sprintf("22222222-2222-2222-2222-%012d", i),
	})
}

func namespaceName(i int) string { return fmt.Sprintf("team-%02d", i%namespaces) }

func accountName(i int) string { return fmt.Sprintf("workload-account-%05d", i) }

// quotaFile makes a cgroup, which goes with the node, whose processes together get that much of a
// CPU, in thousandths. It returns the file that a process joins it by.
func (n node) quotaFile(milliCPU int) (string, error) {
	const periodMicros = 100_000
	quota := milliCPU * periodMicros / 1000
	parent, files := "/sys/fs/cgroup", map[string]string{"cpu.max": fmt.Sprintf("%d %d", quota, periodMicros)}
	if _, err := os.Stat(filepath.Join(parent, "cgroup.controllers")); err != nil { // cgroup v1
		parent = filepath.Join(parent, "cpu")
		files = map[string]string{"cpu.cfs_period_us": fmt.Sprint(periodMicros), "cpu.cfs_quota_us": fmt.Sprint(quota)}
	}
	dir := filepath.Join(parent, nodeName, "quota")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	for name, value := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "cgroup.procs"), nil
}

// join returns a wrap for StartWebhook that starts a program in a cgroup.
func join(procs string) func(string, ...string) []string {
	return func(program string, args ...string) []string {
		return append([]string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, procs, program}, args...)
	}
}
