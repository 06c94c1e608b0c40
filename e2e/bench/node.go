package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"golang.org/x/sync/errgroup"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	nodeName        = "certsync-bench"
	systemNamespace = "azure-cert-sync-system"
	webhookName     = "azure-cert-sync-webhook"
	webhookSecret   = "azure-cert-sync-webhook-tls"
)

// The service accounts are distributed equally over the namespaces.
const (
	namespaces = 20
	accounts   = 20_000
	writers    = 32
)

// node is a separate Kubernetes node for the benchmark, with many service accounts.
type node struct {
	*cluster.Cluster
	client *kubernetes.Clientset
}

// startNode starts a new node. The caller must call stop, also after an error.
func startNode(ctx context.Context) (*node, error) {
	if os.Getenv("E2E_REGISTRY") != "" {
		return nil, errors.New("E2E_REGISTRY is set: the benchmark would create 20,000 service accounts in that cluster; unset it to use a separate node")
	}
	// Removes what an interrupted run left.
	if err := cluster.Down(ctx, cluster.Options{Name: nodeName}); err != nil {
		return nil, err
	}
	c, err := cluster.Up(ctx, cluster.Options{Name: nodeName})
	if err != nil {
		return nil, err
	}
	n := &node{Cluster: c}
	config, err := c.RESTConfig()
	if err != nil {
		return n, err
	}
	config.ContentType = runtime.ContentTypeProtobuf
	if n.client, err = kubernetes.NewForConfig(config); err != nil {
		return n, err
	}
	return n, n.populate(ctx)
}

// stop removes the node.
func (n *node) stop(ctx context.Context) {
	if n == nil {
		return
	}
	if err := n.Down(context.WithoutCancel(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, "bench: the node was not removed:", err)
	}
}

// populate creates the objects of the chart that the webhook needs, and the service accounts.
func (n *node) populate(ctx context.Context) error {
	if err := n.namespace(ctx, systemNamespace); err != nil {
		return err
	}
	path, noEffects := "/mutate-v1-pod", admissionv1.SideEffectClassNone
	_, err := n.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: webhookName},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name: "mutation.certsync.azure.workload.identity", AdmissionReviewVersions: []string{"v1"}, SideEffects: &noEffects,
			ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{contract.LabelUse: "true"}},
			ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{
				Namespace: systemNamespace, Name: webhookName, Path: &path,
			}},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	for i := range namespaces {
		if err := n.namespace(ctx, namespaceName(i)); err != nil {
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

func (n *node) namespace(ctx context.Context, name string) error {
	_, err := n.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	return err
}

func (n *node) account(ctx context.Context, i int) error {
	_, err := n.client.CoreV1().ServiceAccounts(namespaceName(i)).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Name: accountName(i), Annotations: map[string]string{contract.AnnotationClientID: fmt.Sprintf("22222222-2222-2222-2222-%012d", i)},
	}}, metav1.CreateOptions{})
	return err
}

func namespaceName(i int) string { return fmt.Sprintf("team-%02d", i%namespaces) }

func accountName(i int) string { return fmt.Sprintf("workload-account-%05d", i) }

// quotaFile creates a cgroup whose processes together get the given thousandths of a CPU. It is
// removed with the node. quotaFile returns the file through which a process joins the cgroup.
func (n *node) quotaFile(milliCPU int) (string, error) {
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

// command returns a command in the node's network and, if quotaFile is not empty, in that cgroup.
func (n *node) command(ctx context.Context, quotaFile string, program string, args ...string) *exec.Cmd {
	if quotaFile == "" {
		return n.Command(ctx, program, args...)
	}
	return n.Command(ctx, "sh", append([]string{"-c", `echo $$ >"$0" && exec "$@"`, quotaFile, program}, args...)...)
}
