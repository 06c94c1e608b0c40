package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Which users can read the key, depending on the users of the pod: the app always can, other users
// only where access cannot be limited.
func TestAccess(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for _, test := range []struct {
		name, level string
		edit        func(*testing.T, *corev1.Pod)
		file        string // mode, owner and group as the app sees them
		others      bool   // whether user 3000 can read the file
	}{
		{"common-user", "restricted", func(*testing.T, *corev1.Pod) {}, "-rw------- 1000", false},
		{"two-users", "restricted", func(_ *testing.T, p *corev1.Pod) { addSecondUser(p) }, "-rw-r----- 65532", false},
		{"two-users-config-map", "restricted", func(t *testing.T, p *corev1.Pod) {
			newConfigMap(t, p.Namespace, "certs", map[string]string{
				"settings.json": `{"secretsManagementSettings":{"observedCertificates":["` + secretURL(p.Name) + `"]}}`,
			})
			p.Annotations = annotated(key("settings-configmap"), "certs")
			addSecondUser(p)
		}, "-rw-r----- 65532", false},
		{"fs-group", "restricted", func(_ *testing.T, p *corev1.Pod) {
			p.Spec.SecurityContext.RunAsUser, p.Spec.SecurityContext.FSGroup = nil, user(2000)
		}, "-rw-r----- 65532 2000", true}, // every user in the pod is in the group
		{"non-root", "restricted", func(_ *testing.T, p *corev1.Pod) { p.Spec.SecurityContext.RunAsUser = nil }, "-rw-r--r-- 65532", true},
		{"root", "baseline", func(_ *testing.T, p *corev1.Pod) {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: user(0)}
		}, "-rw-r--r-- 65532", true},
		{"root-container", "baseline", func(_ *testing.T, p *corev1.Pod) {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{}
			p.Spec.Containers[0].SecurityContext.RunAsUser = user(0)
		}, "-rw-r--r-- 65532", true},
		{"group-of-acl", "restricted", func(_ *testing.T, p *corev1.Pod) {
			p.Spec.SecurityContext.SupplementalGroups = []int64{4000}
			p.Annotations = annotated(key("settings"), `{"secretsManagementSettings":{"aclEnabled":true,"observedCertificates":[`+
				`{"url":"`+secretURL(p.Name)+`","acls":[{"group":"4000"}]}]}}`)
		}, "-rw-r----- 1000", true},
		{"file-mode", "restricted", func(_ *testing.T, p *corev1.Pod) { p.Annotations[key("file-mode")] = "0444" }, "-r--r--r-- 1000", true},
		{"user-namespace", "restricted", func(_ *testing.T, p *corev1.Pod) { p.Spec.HostUsers = &no }, "-rw------- 1000", false},
		{"user-namespace-two-users", "restricted", func(_ *testing.T, p *corev1.Pod) {
			p.Spec.HostUsers = &no
			addSecondUser(p)
		}, "-rw-r----- 65532", false},
		{"user-namespace-root", "baseline", func(_ *testing.T, p *corev1.Pod) {
			p.Spec.HostUsers, p.Spec.SecurityContext = &no, &corev1.PodSecurityContext{RunAsUser: user(0)}
		}, "-rw-r--r-- 65532", true},
		{"other-user-and-groups", "restricted", func(_ *testing.T, p *corev1.Pod) {
			p.Spec.SecurityContext.RunAsUser, p.Spec.SecurityContext.RunAsGroup = user(1234), user(1235)
			p.Spec.SecurityContext.FSGroup, p.Spec.SecurityContext.SupplementalGroups = user(1236), []int64{1237}
		}, "-rw------- 1234", false},
		{"shared-processes", "restricted", func(_ *testing.T, p *corev1.Pod) { p.Spec.ShareProcessNamespace = &yes }, "-rw------- 1000", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod := newCertified(t, "access-"+test.name, test.level)
			test.edit(t, pod)
			pod = inService(t, pod)
			file := framework.StoreFile(pod.Name)
			for _, c := range pod.Spec.Containers {
				if got := inContainer(t, pod, c.Name, "read", file); !strings.HasPrefix(got, test.file) {
					t.Errorf("in container %s the file is %q, want %q", c.Name, got, test.file)
				}
			}
			code, said := readBy(t, pod, 3000, file)
			if allowed := code == 0; allowed != test.others {
				t.Errorf("user 3000 can read: %t, want %t; output: %s", allowed, test.others, said)
			}
			if code != 0 && !strings.Contains(said, "permission denied") {
				t.Errorf("user 3000 fails for a reason other than the file's permissions: %s", said)
			}
			restricted(t, pod)
		})
	}
}

func user(id int64) *int64 { return &id }

// addSecondUser makes the app's container run as user 1000, and adds a container that runs as user
// 2000. The sidecar runs as another user, so both need an ACL entry.
func addSecondUser(p *corev1.Pod) {
	p.Spec.SecurityContext.RunAsUser, p.Spec.Containers[0].SecurityContext.RunAsUser = nil, user(1000)
	second := *p.Spec.Containers[0].DeepCopy()
	second.Name, second.SecurityContext.RunAsUser = "second", user(2000)
	serves(&second, framework.StoreFile(p.Name), 8444)
	p.Spec.Containers = append(p.Spec.Containers, second)
}

// restricted asserts that the sidecar meets Pod Security "restricted" in any namespace.
func restricted(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	c := containerOf(t, pod, contract.ContainerName).SecurityContext
	if c.RunAsUser != nil && *c.RunAsUser == 0 || !*c.RunAsNonRoot || *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem ||
		len(c.Capabilities.Drop) != 1 || c.Capabilities.Drop[0] != "ALL" || c.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the sidecar's security context is not restricted: %v", c)
	}
}
