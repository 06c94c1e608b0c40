package inject

import (
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

const (
	initContainers = "/spec/initContainers"
	mainContainers = "/spec/containers"
	volumes        = "/spec/volumes"
	annotations    = "/metadata/annotations"
)

// pass is one pass over one pod.
type pass struct {
	pod *corev1.Pod
	id  *settings.Identity
	s   *settings.Resolved
	o   *Options

	// apps are the containers that this package did not make; own are those that it made on an earlier pass.
	apps, own []container
	// endpoint is nil where the pod is to have no metadata endpoint, or one from elsewhere.
	endpoint *settings.Endpoint
	// volumes are the pod's, with those that were added and without those that were taken out.
	volumes []corev1.Volume

	patch    Patch
	warnings []string
}

// container is one that is in the pod.
type container struct {
	*corev1.Container
	list  string // initContainers or mainContainers
	index int    // at the present state of the patch
	// mounts are the container's, with those that were added and without those that were taken out.
	mounts []corev1.VolumeMount
}

func (c *container) path() string { return element(c.list, c.index) }

// usualPatch and usualVolumes are what most pods take: operations, and volumes that are added.
const usualPatch, usualVolumes = 16, 6

func newPass(pod *corev1.Pod, id *settings.Identity, s *settings.Resolved, o *Options) *pass {
	p := &pass{pod: pod, id: id, s: s, o: o, patch: make(Patch, 0, usualPatch)}
	// With room for what is added, since volumes are large.
	p.volumes = append(make([]corev1.Volume, 0, len(pod.Spec.Volumes)+usualVolumes), pod.Spec.Volumes...)
	p.apps = make([]container, 0, len(pod.Spec.InitContainers)+len(pod.Spec.Containers))
	for _, l := range []struct {
		list       string
		containers []corev1.Container
	}{{initContainers, pod.Spec.InitContainers}, {mainContainers, pod.Spec.Containers}} {
		for i := range l.containers {
			c := container{Container: &l.containers[i], list: l.list, index: i, mounts: l.containers[i].VolumeMounts}
			if isOwn(c.Container) {
				p.own = append(p.own, c)
			} else {
				p.apps = append(p.apps, c)
			}
		}
	}
	return p
}

func (p *pass) warn(text string) { p.warnings = append(p.warnings, text) }

// addMounts adds volume mounts to a container.
func (p *pass) addMounts(c *container, mounts ...corev1.VolumeMount) {
	appendTo(&p.patch, c.path()+"/volumeMounts", len(c.mounts), mounts...)
	c.mounts = append(slices.Clip(c.mounts), mounts...)
}

// addVolumes adds volumes to the pod.
func (p *pass) addVolumes(added ...corev1.Volume) {
	appendTo(&p.patch, volumes, len(p.volumes), added...)
	p.volumes = append(p.volumes, added...)
}

func (p *pass) volume(name string) *corev1.Volume {
	for i := range p.volumes {
		if p.volumes[i].Name == name {
			return &p.volumes[i]
		}
	}
	return nil
}

// mountAt returns the container's mount at a path.
func (c *container) mountAt(at string) *corev1.VolumeMount {
	for i := range c.mounts {
		if path.Clean(c.mounts[i].MountPath) == at {
			return &c.mounts[i]
		}
	}
	return nil
}

// isOwn reports whether an earlier pass made the container: by its name and by what only it has.
func isOwn(c *corev1.Container) bool {
	if c.Name == contract.IMDSContainerName {
		return slices.Equal(c.Args, addressArgs)
	}
	return isReservedContainer(c.Name) && slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == contract.EnvSettings })
}

func isReservedContainer(name string) bool {
	return name == contract.ContainerName || name == contract.InitContainerName || name == contract.IMDSContainerName
}

// serves reports whether a container is one of the app's, which certificates are for: not skipped, and not
// that of a service mesh or of the original webhook's proxy.
func (p *pass) serves(c *container) bool {
	return !p.id.Skips(c.Name) && !slices.Contains(p.o.StartAfter, c.Name) &&
		c.Name != originalProxy && c.Name != originalProxyInit
}

// Containers that the original webhook adds for inject-proxy-sidecar.
const (
	originalProxy     = "azwi-proxy"
	originalProxyInit = "azwi-proxy-init"
)
