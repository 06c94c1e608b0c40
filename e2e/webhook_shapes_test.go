package e2e

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// The sidecar works in pods of all kinds, and does not change their properties.
func TestShapes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, level string
		prepare     func(*testing.T, *corev1.Pod)
		check       func(*testing.T, *corev1.Pod)
	}{
		{"own-init-container", "restricted", ownInitContainer, func(t *testing.T, p *corev1.Pod) {
			if got := names(p.Spec.InitContainers); !slices.Equal(got, []string{contract.ContainerName, "prepare"}) {
				t.Errorf("init containers are %q", got)
			}
		}},
		{"regular", "restricted", func(_ *testing.T, p *corev1.Pod) { p.Annotations[key("native-sidecar")] = "false" },
			func(t *testing.T, p *corev1.Pod) {
				containers := append(names(p.Spec.InitContainers), names(p.Spec.Containers)...)
				if !slices.Equal(containers, []string{contract.InitContainerName, "app", contract.ContainerName}) {
					t.Errorf("containers are %q", containers)
				}
			}},
		{"guaranteed", "restricted", guaranteed, func(t *testing.T, p *corev1.Pod) {
			if p.Status.QOSClass != corev1.PodQOSGuaranteed {
				t.Errorf("the QoS class is %s", p.Status.QOSClass)
			}
		}},
		{"pod-level-resources", "restricted", podLevelResources, func(t *testing.T, p *corev1.Pod) {
			if p.Status.QOSClass != corev1.PodQOSGuaranteed {
				t.Errorf("the QoS class is %s", p.Status.QOSClass)
			}
		}},
		{"quota", "restricted", quota, func(*testing.T, *corev1.Pod) {}},
		{"limits-quota", "restricted", limitsQuota, func(*testing.T, *corev1.Pod) {}},
		{"host-network", "privileged", func(_ *testing.T, p *corev1.Pod) {
			p.Spec.HostNetwork = true
			serves(&p.Spec.Containers[0], framework.StoreFile(p.Name), 18443)
		}, func(t *testing.T, p *corev1.Pod) {
			if c := containerOf(t, p, contract.ContainerName); len(c.Ports) != 0 || c.ReadinessProbe.Exec == nil || c.LivenessProbe.Exec == nil {
				t.Errorf("the sidecar has the ports %v and the probes %v, %v", c.Ports, c.ReadinessProbe, c.LivenessProbe)
			}
		}},
		{"host-pid", "privileged", func(_ *testing.T, p *corev1.Pod) { p.Spec.HostPID = true }, func(t *testing.T, p *corev1.Pod) {
			if !p.Spec.HostPID || p.Spec.ShareProcessNamespace != nil {
				t.Errorf("hostPID is %t, shareProcessNamespace %v", p.Spec.HostPID, p.Spec.ShareProcessNamespace)
			}
		}},
		{"port-taken", "restricted", func(_ *testing.T, p *corev1.Pod) {
			serves(&p.Spec.Containers[0], framework.StoreFile(p.Name), contract.DefaultPort)
		}, func(t *testing.T, p *corev1.Pod) {
			if c := containerOf(t, p, contract.ContainerName); c.Ports[0].ContainerPort != contract.DefaultPort+1 {
				t.Errorf("the sidecar has the ports %v", c.Ports)
			}
		}},
		{"two-stores", "restricted", twoStores, func(t *testing.T, p *corev1.Pod) {
			inContainer(t, p, "app", "read", "/certs/a/example-vault."+p.Name)
			inContainer(t, p, "app", "read", "/certs/b/mine.pem")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod := newCertified(t, "shape-"+test.name, test.level)
			test.prepare(t, pod)
			test.check(t, inService(t, pod))
		})
	}
}

// ownInitContainer adds an init container that fails if the certificate does not exist.
func ownInitContainer(_ *testing.T, p *corev1.Pod) {
	first := *p.Spec.Containers[0].DeepCopy()
	first.Name, first.Args, first.Ports, first.ReadinessProbe = "prepare", []string{"read", framework.StoreFile(p.Name)}, nil, nil
	p.Spec.InitContainers = append(p.Spec.InitContainers, first)
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
}

func resources(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

func guaranteed(_ *testing.T, p *corev1.Pod) {
	p.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: resources("50m", "64Mi"), Limits: resources("50m", "64Mi")}
}

// podLevelResources sets pod-level resources, so that the sidecar gets only what the containers do
// not request.
func podLevelResources(_ *testing.T, p *corev1.Pod) {
	p.Spec.Resources = &corev1.ResourceRequirements{Requests: resources("50m", "96Mi"), Limits: resources("50m", "96Mi")}
	p.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: resources("45m", "90Mi")}
}

// quota adds a quota and a limit range to the namespace, which leave little room for the sidecar.
func quota(t *testing.T, p *corev1.Pod) {
	core := testEnv.Client.CoreV1()
	createQuota(t, p.Namespace, corev1.ResourceList{
		"requests.cpu": resource.MustParse("100m"), "requests.memory": resource.MustParse("128Mi"),
		"limits.cpu": resource.MustParse("300m"), "limits.memory": resource.MustParse("256Mi"), "pods": resource.MustParse("1"),
	})
	_, err := core.LimitRanges(p.Namespace).Create(testContext(t), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "limits"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer, Max: resources("200m", "128Mi"), Min: resources("10m", "16Mi"),
			Default: resources("100m", "64Mi"), DefaultRequest: resources("20m", "32Mi"),
		}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// limitsQuota adds a quota that refuses containers without a CPU limit, and nothing that gives them
// one.
func limitsQuota(t *testing.T, p *corev1.Pod) {
	createQuota(t, p.Namespace, corev1.ResourceList{"limits.cpu": resource.MustParse("300m"), "pods": resource.MustParse("1")})
	p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
}

// createQuota creates a quota for pods and more, and waits until its controller has counted the
// existing objects.
func createQuota(t *testing.T, namespace string, hard corev1.ResourceList) {
	_, err := testEnv.Client.CoreV1().ResourceQuotas(namespace).Create(testContext(t), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "quota"}, Spec: corev1.ResourceQuotaSpec{Hard: hard},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := testEnv.Cluster.Kubectl(testContext(t), "wait", "--for=jsonpath={.status.used.pods}=0",
		"resourcequota/quota", "--namespace", namespace); err != nil {
		t.Fatal(err)
	}
}

func twoStores(t *testing.T, p *corev1.Pod) {
	second := p.Name + "-b"
	createCertificate(t, azure.Certificate{Name: second})
	p.Annotations = annotated(key("settings"), `{"secretsManagementSettings":{"certificateStoreLocation":"/certs/a","observedCertificates":[`+
		`"`+secretURL(p.Name)+`",{"url":"`+secretURL(second)+`","certificateStoreLocation":"/certs/b","customSymbolicLinkName":"mine.pem"}]}}`)
	serves(&p.Spec.Containers[0], "/certs/b/mine.pem", 8443)
}
