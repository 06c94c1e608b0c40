package bugreport

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/checks"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

// Bounds of a report.
const (
	maxPods  = 50
	logLines = 1000
	logBytes = 1 << 20
)

const readme = `Report of kubectl certsync bug-report.

versions.json     versions of the plugin and of Kubernetes
checks.json       the result of kubectl certsync check
webhook/          configuration, deployment, pods, events and logs of the webhook
pods/             pods with the label, their sidecar's status and log, their events and service account
missing.txt       what could not be read, and why

Values of environment variables, commands of other containers, Secrets, tokens and keys are not
included. Names of vaults, certificates, namespaces and pods are: read the files before you publish
them.
`

// report writes one archive.
type report struct {
	*archive
	cluster *cluster.Client
	missing []string
}

// Write writes the archive for the labelled pods of a namespace, or of all if it is empty.
func Write(ctx context.Context, w io.Writer, c *cluster.Client, namespace string, plugin buildinfo.Info) error {
	r := &report{archive: newArchive(w, time.Now()), cluster: c}
	r.add("README.txt", []byte(readme))
	version, err := c.ServerVersion(ctx)
	if err != nil {
		return err
	}
	r.addJSON("versions.json", map[string]any{"plugin": plugin, "kubernetes": version.GitVersion})
	if facts, err := checks.Gather(ctx, c, false); err == nil {
		r.addJSON("checks.json", checks.Run(facts))
	} else {
		r.miss("checks", err)
	}
	r.webhook(ctx)
	r.pods(ctx, namespace)
	if len(r.missing) > 0 {
		r.add("missing.txt", []byte(strings.Join(r.missing, "\n")+"\n"))
	}
	if err := r.close(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return ctx.Err()
}

// miss notes what could not be read.
func (r *report) miss(what string, err error) {
	r.missing = append(r.missing, fmt.Sprintf("%s: %v", what, err))
}

func (r *report) webhook(ctx context.Context) {
	in, err := install.Find(ctx, r.cluster)
	if err != nil {
		r.miss("the webhook", err)
		return
	}
	r.addYAML("webhook/configuration.yaml", &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: stripMeta(&in.Configuration.ObjectMeta), Webhooks: in.Configuration.Webhooks,
	})
	if in.Deployment == nil {
		return
	}
	r.addYAML("webhook/deployment.yaml", stripDeployment(in.Deployment))
	pods, err := in.Pods(ctx, r.cluster)
	if err != nil {
		r.miss("the webhook's pods", err)
	}
	for i := range pods {
		folder := "webhook/" + pods[i].Name
		r.addYAML(folder+"/pod.yaml", stripPod(&pods[i]))
		if c := install.Container(&pods[i].Spec); c != nil {
			r.log(ctx, folder, &pods[i], c.Name)
		}
		r.events(ctx, folder, &pods[i])
	}
}

func (r *report) pods(ctx context.Context, namespace string) {
	pods, err := r.cluster.LabelledPods(ctx, namespace)
	if err != nil {
		r.miss("pods", err)
		return
	}
	if more := len(pods) - maxPods; more > 0 {
		r.missing = append(r.missing, fmt.Sprintf("%d more pods: name a namespace with --namespace", more))
		pods = pods[:maxPods]
	}
	for _, status := range fleet.Collect(ctx, r.cluster, pods) {
		r.addJSON(path.Join("pods", status.Namespace, status.Name, "status.json"), status)
	}
	for i := range pods {
		pod := &pods[i]
		folder := path.Join("pods", pod.Namespace, pod.Name)
		r.addYAML(folder+"/pod.yaml", stripPod(pod))
		if fleet.Sidecar(pod) != nil {
			r.log(ctx, folder, pod, contract.ContainerName)
		}
		r.events(ctx, folder, pod)
		r.account(ctx, folder, pod)
	}
}

// log adds the log of a container, and that of the container before its last restart.
func (r *report) log(ctx context.Context, folder string, pod *corev1.Pod, container string) {
	lines, bytes := int64(logLines), int64(logBytes)
	for _, previous := range []bool{false, true} {
		name := folder + "/log.txt"
		if previous {
			name = folder + "/log-before-restart.txt"
			if !restarted(pod, container) {
				continue
			}
		}
		text, err := r.cluster.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
			Container: container, TailLines: &lines, LimitBytes: &bytes, Timestamps: true, Previous: previous,
		}).DoRaw(ctx)
		if err != nil {
			r.miss(name, cluster.Explain(err, "read logs", "pods/log", pod.Namespace))
			continue
		}
		r.add(name, text)
	}
}

func restarted(pod *corev1.Pod, container string) bool {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, s := range list {
			if s.Name == container && s.RestartCount > 0 {
				return true
			}
		}
	}
	return false
}

func (r *report) events(ctx context.Context, folder string, pod *corev1.Pod) {
	events, err := r.cluster.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(pod.UID)).String(),
	})
	if err != nil {
		r.miss(folder+"/events.txt", cluster.Explain(err, "list events", "events", pod.Namespace))
		return
	}
	var b strings.Builder
	for _, e := range events.Items {
		fmt.Fprintf(&b, "%s %s %s x%d: %s\n", e.LastTimestamp.UTC().Format(time.RFC3339), e.Type, e.Reason, e.Count, e.Message)
	}
	r.add(folder+"/events.txt", []byte(b.String()))
}

func (r *report) account(ctx context.Context, folder string, pod *corev1.Pod) {
	account, err := r.cluster.CoreV1().ServiceAccounts(pod.Namespace).Get(ctx, pod.Spec.ServiceAccountName, metav1.GetOptions{})
	if err != nil {
		r.miss(folder+"/serviceaccount.yaml", cluster.Explain(err, "read service accounts", "serviceaccounts", pod.Namespace))
		return
	}
	r.addYAML(folder+"/serviceaccount.yaml", &corev1.ServiceAccount{ObjectMeta: stripMeta(&account.ObjectMeta)})
}
