package inject_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// TestReferencesResolve checks that no variable of an app's container refers to an injected one
// that comes later: Kubernetes would not resolve it.
func TestReferencesResolve(t *testing.T) {
	forEachAdmitted(t, func(t *testing.T, in *input, after []byte) {
		checkReferences(t, in, decode(t, in.Pod), decode(t, after))
	})
}

func checkReferences(t testing.TB, in *input, before, after *corev1.Pod) {
	t.Helper()
	if !in.Options.InjectIdentity {
		return
	}
	own := map[string]bool{} // the variables that the pod had, by container and name
	for _, c := range slices.Concat(before.Spec.InitContainers, before.Spec.Containers) {
		for _, e := range c.Env {
			own[c.Name+"/"+e.Name] = true
		}
	}
	for _, c := range slices.Concat(after.Spec.InitContainers, after.Spec.Containers) {
		for i, e := range c.Env {
			for _, earlier := range c.Env[:i] {
				if strings.Contains(earlier.Value, "$("+e.Name+")") && !own[c.Name+"/"+e.Name] {
					t.Errorf("container %s: %s comes after %s, which refers to it", c.Name, e.Name, earlier.Name)
				}
			}
		}
	}
}

// TestMountsCollide mounts the volumes of each patched pod as a container runtime does, in an image
// without and with links. Where a mount that was added collides, there must be a warning about both
// paths. (Where it collides in any case, the pod is denied.)
func TestMountsCollide(t *testing.T) {
	forEachAdmitted(t, func(t *testing.T, in *input, after []byte) {
		r, err := in.run(decode(t, after))
		if err != nil {
			t.Fatal(err)
		}
		checkMounts(t, in, decode(t, after), r)
	})
}

func checkMounts(t testing.TB, in *input, pod *corev1.Pod, r inject.Result) {
	t.Helper()
	if strings.Contains(strings.ToLower(pod.Spec.String()), "windows") {
		return // maybe a Windows pod, whose mounts are not checked
	}
	skipped := strings.Split(pod.Annotations["azure.workload.identity/skip-containers"], ";")
	warnings := strings.Join(r.Warnings, "\n")
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if slices.Contains(skipped, c.Name) || strings.HasPrefix(c.Name, "certsync") {
			continue
		}
		for _, link := range []string{"", "/var/run", "/lib"} {
			for _, pair := range collisions(in, pod, c.VolumeMounts, link) {
				if !strings.Contains(warnings, path.Clean(pair[0])) || !strings.Contains(warnings, path.Clean(pair[1])) {
					t.Errorf("container %s with link %q: %s and %s collide, warnings %q", c.Name, link, pair[0], pair[1], r.Warnings)
				}
			}
		}
	}
}

// collisions returns the paths of mounts that cannot be created in another one, or that another
// one hides, where one of the two was injected. A link is "" or a directory that is a link in the
// image.
func collisions(in *input, pod *corev1.Pod, mounts []corev1.VolumeMount, link string) (pairs [][2]string) {
	resolve := func(m *corev1.VolumeMount) string {
		at := path.Clean(m.MountPath)
		if target := map[string]string{"/var/run": "/run", "/lib": "/usr/lib"}[link]; target != "" && within(at, link) {
			return target + strings.TrimPrefix(at, link)
		}
		return at
	}
	depth := func(m *corev1.VolumeMount) int { return strings.Count(path.Clean(m.MountPath), "/") }
	sorted := make([]*corev1.VolumeMount, len(mounts))
	for i := range mounts {
		sorted[i] = &mounts[i]
	}
	slices.SortStableFunc(sorted, func(a, b *corev1.VolumeMount) int { return depth(a) - depth(b) })
	for i, m := range sorted {
		var above *corev1.VolumeMount
		for _, earlier := range sorted[:i] {
			if injected(in, m) || injected(in, earlier) {
				if within(resolve(earlier), resolve(m)) {
					pairs = append(pairs, [2]string{earlier.MountPath, m.MountPath}) // hidden
				}
			}
			if within(resolve(m), resolve(earlier)) && (above == nil || len(resolve(earlier)) >= len(resolve(above))) {
				above = earlier
			}
		}
		if above != nil && (injected(in, m) || injected(in, above)) && readOnly(pod, above) && !preparedIn(pod, above, m) {
			pairs = append(pairs, [2]string{above.MountPath, m.MountPath})
		}
	}
	return pairs
}

func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// injected reports whether a mount was injected, by the names and paths of package contract.
func injected(in *input, m *corev1.VolumeMount) bool {
	token := m.MountPath == "/var/run/secrets/azure/wi" || in.Options.LegacyPath && m.MountPath == "/var/run/secrets/azure/tokens"
	return token && in.Options.InjectIdentity && strings.HasPrefix(m.Name, "azure-") || strings.HasPrefix(m.Name, "certsync-store-") && m.ReadOnly
}

// preparedIn reports whether the kubelet creates the mount point of m in the volume above: it does
// so in the volumes that it writes, by the paths in the pod.
func preparedIn(pod *corev1.Pod, above, m *corev1.VolumeMount) bool {
	if above.SubPath != "" || above.SubPathExpr != "" || !within(path.Clean(m.MountPath), path.Clean(above.MountPath)) {
		return false
	}
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Name == above.Name && (v.Secret != nil || v.ConfigMap != nil || v.Projected != nil || v.DownwardAPI != nil)
	})
}

func readOnly(pod *corev1.Pod, m *corev1.VolumeMount) bool {
	for _, v := range pod.Spec.Volumes {
		if v.Name == m.Name && (v.Secret != nil || v.ConfigMap != nil || v.Projected != nil || v.DownwardAPI != nil || v.Image != nil) {
			return true
		}
	}
	return m.ReadOnly
}
