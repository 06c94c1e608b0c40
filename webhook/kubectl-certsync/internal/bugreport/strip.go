package bugreport

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// harmless are the variables of the sidecar whose values are in the report.
var harmless = []string{
	contract.EnvClientID, contract.EnvTenantID, contract.EnvFederatedTokenFile, contract.EnvAuthorityHost,
	contract.EnvSettings, contract.EnvAllowedVaults,
}

// stripMeta keeps names, labels, owners, times, and the annotations of workload identity.
func stripMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	kept := metav1.ObjectMeta{
		Name: m.Name, Namespace: m.Namespace, UID: m.UID, Labels: m.Labels, CreationTimestamp: m.CreationTimestamp,
		DeletionTimestamp: m.DeletionTimestamp, OwnerReferences: m.OwnerReferences, Annotations: map[string]string{},
	}
	for key, value := range m.Annotations {
		if prefix, _, _ := strings.Cut(key, "/"); strings.HasSuffix("."+prefix, "."+strings.TrimSuffix(contract.IdentityPrefix, "/")) {
			kept.Annotations[key] = value
		}
	}
	return kept
}

func stripPod(pod *corev1.Pod) *corev1.Pod {
	s := &pod.Spec
	kept := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: stripMeta(&pod.ObjectMeta),
		Spec:       stripSpec(s),
		Status: corev1.PodStatus{
			Phase: pod.Status.Phase, Reason: pod.Status.Reason, Message: pod.Status.Message, Conditions: pod.Status.Conditions,
			StartTime: pod.Status.StartTime, QOSClass: pod.Status.QOSClass,
			InitContainerStatuses: stripStatuses(pod.Status.InitContainerStatuses),
			ContainerStatuses:     stripStatuses(pod.Status.ContainerStatuses),
		},
	}
	return kept
}

func stripSpec(s *corev1.PodSpec) corev1.PodSpec {
	kept := corev1.PodSpec{
		RestartPolicy: s.RestartPolicy, NodeSelector: s.NodeSelector, ServiceAccountName: s.ServiceAccountName, NodeName: s.NodeName,
		HostNetwork: s.HostNetwork, HostPID: s.HostPID, ShareProcessNamespace: s.ShareProcessNamespace, SecurityContext: s.SecurityContext,
		ImagePullSecrets: s.ImagePullSecrets, OS: s.OS, Resources: s.Resources, DNSPolicy: s.DNSPolicy,
		InitContainers: stripContainers(s.InitContainers), Containers: stripContainers(s.Containers),
	}
	for _, v := range s.Volumes {
		if !strings.HasPrefix(v.Name, "certsync-") && !strings.HasPrefix(v.Name, contract.IdentityVolumePrefix) {
			v.VolumeSource = corev1.VolumeSource{}
		}
		kept.Volumes = append(kept.Volumes, v)
	}
	return kept
}

// stripContainers leaves out commands, arguments, probes and the values of variables, except for
// known ones of the sidecar.
func stripContainers(list []corev1.Container) (kept []corev1.Container) {
	for _, c := range list {
		k := corev1.Container{
			Name: c.Name, Image: c.Image, Ports: c.Ports, Resources: c.Resources, VolumeMounts: c.VolumeMounts,
			SecurityContext: c.SecurityContext, RestartPolicy: c.RestartPolicy, ImagePullPolicy: c.ImagePullPolicy, EnvFrom: c.EnvFrom,
		}
		ours := isOurs(c.Name)
		if ours {
			k.Args = c.Args
		}
		for _, v := range c.Env {
			if v.Value != "" && (!ours || !slices.Contains(harmless, v.Name)) {
				v.Value = removed
			}
			k.Env = append(k.Env, v)
		}
		kept = append(kept, k)
	}
	return kept
}

func isOurs(container string) bool {
	return container == contract.ContainerName || container == contract.InitContainerName || container == contract.IMDSContainerName
}

// stripStatuses leaves out the termination messages of apps, which may be their output.
func stripStatuses(list []corev1.ContainerStatus) (kept []corev1.ContainerStatus) {
	for _, s := range list {
		if !isOurs(s.Name) {
			for _, state := range []*corev1.ContainerState{&s.State, &s.LastTerminationState} {
				if state.Terminated != nil {
					terminated := *state.Terminated
					terminated.Message = ""
					state.Terminated = &terminated
				}
			}
		}
		kept = append(kept, s)
	}
	return kept
}

// stripDeployment keeps the webhook's flags, but not the values of the sidecar's variables.
func stripDeployment(d *appsv1.Deployment) *appsv1.Deployment {
	kept := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: stripMeta(&d.ObjectMeta),
		Spec: appsv1.DeploymentSpec{
			Replicas: d.Spec.Replicas, Selector: d.Spec.Selector, Strategy: d.Spec.Strategy,
			Template: corev1.PodTemplateSpec{ObjectMeta: stripMeta(&d.Spec.Template.ObjectMeta), Spec: stripSpec(&d.Spec.Template.Spec)},
		},
		Status: d.Status,
	}
	for i := range kept.Spec.Template.Spec.Containers {
		kept.Spec.Template.Spec.Containers[i].Args = stripArgs(d.Spec.Template.Spec.Containers[i].Args)
	}
	return kept
}

func stripArgs(args []string) (kept []string) {
	for _, arg := range args {
		const flag = "--sidecar-env="
		if rest, ok := strings.CutPrefix(arg, flag); ok {
			name, _, _ := strings.Cut(rest, "=")
			arg = flag + name + "=" + removed
		}
		kept = append(kept, arg)
	}
	return kept
}
