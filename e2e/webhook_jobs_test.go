package e2e

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// With every form of the sidecar, jobs have their certificate when they start, and complete when
// they are done.
func TestJobs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, native string
		cron         bool
	}{
		{"native", "auto", false},
		{"init-only", "false", false},
		{"cron", "auto", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod := newCertified(t, "job-"+test.name, "restricted")
			pod.Annotations[key("native-sidecar")] = test.native
			job := reader(pod)
			batch := testEnv.Client.BatchV1()
			var err error
			if test.cron {
				_, err = batch.CronJobs(pod.Namespace).Create(testContext(t), &batchv1.CronJob{
					ObjectMeta: metav1.ObjectMeta{Name: pod.Name},
					Spec: batchv1.CronJobSpec{
						Schedule: "* * * * *", ConcurrencyPolicy: batchv1.ForbidConcurrent,
						JobTemplate: batchv1.JobTemplateSpec{Spec: job},
					},
				}, metav1.CreateOptions{})
			} else {
				_, err = batch.Jobs(pod.Namespace).Create(testContext(t),
					&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, Spec: job}, metav1.CreateOptions{})
			}
			if err != nil {
				t.Fatal(err)
			}
			done, err := testEnv.AwaitPod(testContext(t), pod.Namespace, pod.Name, func(p *corev1.Pod) bool {
				return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
			})
			if err != nil {
				t.Fatal(err)
			}
			if status := framework.ContainerStatus(done, "app"); done.Status.Phase != corev1.PodSucceeded {
				t.Fatalf("the job's pod is %s: %s", done.Status.Phase, status.State.Terminated.Message)
			}
			_, err = testEnv.Cluster.Kubectl(testContext(t), "wait", "--for=condition=Complete", "job", "--selector",
				"batch.kubernetes.io/job-name="+done.Labels["batch.kubernetes.io/job-name"], "--namespace", pod.Namespace, "--timeout=1m")
			if err != nil {
				t.Error(err)
			}
			if tells := strings.Contains(done.Annotations[key(contract.KeyWarnings)], "not renewed"); tells != (test.native == "false") {
				t.Errorf("warning that nothing is renewed: %t; warnings: %q", tells, done.Annotations[key(contract.KeyWarnings)])
			}
		})
	}
}

// reader returns a job with the pod, which reads the certificate and ends.
func reader(pod *corev1.Pod) batchv1.JobSpec {
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels, Annotations: pod.Annotations}, Spec: *pod.Spec.DeepCopy(),
	}
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	c := &template.Spec.Containers[0]
	c.Args, c.Ports, c.ReadinessProbe = []string{"read", framework.StoreFile(pod.Name)}, nil, nil
	c.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	never := int32(0)
	return batchv1.JobSpec{Template: template, BackoffLimit: &never}
}
