package inject

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// View has the fields of a pod that this package reads. It is decoded from the pod's JSON. Most of
// what the API server sends is not needed: managed fields, probes, tolerations, images, owners.
// Decoding only the view takes half the time of decoding a corev1.Pod. A test fails if the package
// reads a field that the view does not have. Decoding it with encoding/json/v2 fails with a *Denied
// at the limits for lists.
type View struct {
	Metadata struct {
		Name         string            `json:"name"`
		GenerateName string            `json:"generateName"`
		Namespace    string            `json:"namespace"`
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Volumes               volumeList                    `json:"volumes"`
		InitContainers        containerList                 `json:"initContainers"`
		Containers            containerList                 `json:"containers"`
		RestartPolicy         corev1.RestartPolicy          `json:"restartPolicy"`
		NodeSelector          map[string]string             `json:"nodeSelector"`
		Affinity              affinityView                  `json:"affinity"`
		ServiceAccountName    string                        `json:"serviceAccountName"`
		HostNetwork           bool                          `json:"hostNetwork"`
		HostPID               bool                          `json:"hostPID"`
		ShareProcessNamespace *bool                         `json:"shareProcessNamespace"`
		SecurityContext       *corev1.PodSecurityContext    `json:"securityContext"`
		ImagePullSecrets      []corev1.LocalObjectReference `json:"imagePullSecrets"`
		OS                    *corev1.PodOS                 `json:"os"`
		Resources             *corev1.ResourceRequirements  `json:"resources"`
	} `json:"spec"`
}

type containerView struct {
	Name            string                         `json:"name"`
	Args            []string                       `json:"args"`
	Ports           []corev1.ContainerPort         `json:"ports"`
	EnvFrom         []corev1.EnvFromSource         `json:"envFrom"`
	Env             []corev1.EnvVar                `json:"env"`
	Resources       corev1.ResourceRequirements    `json:"resources"`
	RestartPolicy   *corev1.ContainerRestartPolicy `json:"restartPolicy"`
	VolumeMounts    mountList                      `json:"volumeMounts"`
	SecurityContext *corev1.SecurityContext        `json:"securityContext"`
}

// affinityView is the node affinity that a node must match.
type affinityView struct {
	NodeAffinity struct {
		Required *corev1.NodeSelector `json:"requiredDuringSchedulingIgnoredDuringExecution"`
	} `json:"nodeAffinity"`
}

func (v *affinityView) affinity() *corev1.Affinity {
	if v.NodeAffinity.Required == nil {
		return nil
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: v.NodeAffinity.Required,
	}}
}

// Pod returns a pod with only the fields of the view. It shares memory with the view.
func (v *View) Pod() *corev1.Pod {
	m, s := &v.Metadata, &v.Spec
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: m.Name, GenerateName: m.GenerateName, Namespace: m.Namespace, Labels: m.Labels, Annotations: m.Annotations,
		},
		Spec: corev1.PodSpec{
			Volumes:               s.Volumes,
			InitContainers:        containersOf(s.InitContainers),
			Containers:            containersOf(s.Containers),
			RestartPolicy:         s.RestartPolicy,
			NodeSelector:          s.NodeSelector,
			Affinity:              s.Affinity.affinity(),
			ServiceAccountName:    s.ServiceAccountName,
			HostNetwork:           s.HostNetwork,
			HostPID:               s.HostPID,
			ShareProcessNamespace: s.ShareProcessNamespace,
			SecurityContext:       s.SecurityContext,
			ImagePullSecrets:      s.ImagePullSecrets,
			OS:                    s.OS,
			Resources:             s.Resources,
		},
	}
}

func containersOf(views containerList) []corev1.Container {
	list := make([]corev1.Container, len(views))
	for i := range views {
		v, c := &views[i], &list[i]
		c.Name, c.Args, c.Ports, c.EnvFrom, c.Env = v.Name, v.Args, v.Ports, v.EnvFrom, v.Env
		c.Resources, c.RestartPolicy, c.VolumeMounts, c.SecurityContext = v.Resources, v.RestartPolicy, v.VolumeMounts, v.SecurityContext
	}
	return list
}
