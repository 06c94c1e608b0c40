package checks

import (
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

// healthy returns the facts of a cluster in which the checks that need no certificate succeed.
func healthy() *Facts {
	two := int32(2)
	return &Facts{
		Now: time.Unix(1e9, 0), Major: 1, Minor: 36, Issuer: "https://oidc.example.com/cluster/",
		Installation: &install.Installation{
			Configuration: &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "azure-cert-sync-webhook"}},
			Webhook: &admissionregistrationv1.MutatingWebhook{ClientConfig: admissionregistrationv1.WebhookClientConfig{
				Service: &admissionregistrationv1.ServiceReference{Namespace: "system", Name: "webhook"},
			}},
			Deployment: &appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "webhook"},
				Spec: appsv1.DeploymentSpec{Replicas: &two, Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "webhook", Args: []string{"--sidecar-image=sidecar:2", "--default=memory-request=48Mi"}}},
				}}},
				Status: appsv1.DeploymentStatus{ReadyReplicas: 2},
			},
		},
		Handshakes: []Handshake{{Pod: "webhook-1", Leaf: &x509.Certificate{NotAfter: time.Unix(1e9, 0).Add(30 * 24 * time.Hour)}}},
		Namespaces: map[string]*corev1.Namespace{"shop": {ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{}}}},
		Accounts:   map[string]map[string]string{"shop/default": {}},
		Pods:       []corev1.Pod{*pod("web", "sidecar:2")},
	}
}

// pod returns a pod with a sidecar of an image, or without one.
func pod(name, image string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: name, Labels: map[string]string{contract.LabelUse: "true"},
		Annotations: map[string]string{contract.Prefix + contract.KeyCertificates: "https://examplevault.vault.azure.net/secrets/web"},
	}}
	p.Spec.Containers = []corev1.Container{{Name: "app"}}
	if image != "" {
		p.Spec.InitContainers = []corev1.Container{{Name: contract.ContainerName, Image: image, Env: []corev1.EnvVar{{Name: contract.EnvSettings}}}}
	}
	return p
}

func TestChecks(t *testing.T) {
	for _, test := range []struct {
		name, id string
		change   func(*Facts)
		severity Severity
		message  string
	}{
		{"new Kubernetes", "CS001", func(*Facts) {}, OK, "Kubernetes 1.36"},
		{"before native sidecars are the default", "CS001", func(f *Facts) { f.Minor = 30 }, Info, `native-sidecar: "true"`},
		{"without native sidecars", "CS001", func(f *Facts) { f.Minor = 28 }, Warning, "no renewals"},
		{"too old", "CS001", func(f *Facts) { f.Minor = 26 }, Error, "too old"},
		{"public issuer", "CS003", func(*Facts) {}, OK, "https://oidc.example.com/cluster/"},
		{"internal issuer", "CS003", func(f *Facts) { f.Issuer = "https://kubernetes.default.svc.cluster.local" }, Error, "--enable-oidc-issuer"},
		{"issuer with http", "CS003", func(f *Facts) { f.Issuer = "http://oidc.example.com" }, Error, "not an https URL"},
		{"issuer not allowed", "CS003", func(f *Facts) { f.IssuerErr = &cluster.AccessError{Text: "you are not allowed"} }, Skipped, "you are not allowed"},
		{"not installed", "CS004", func(f *Facts) { f.InstallErr = install.ErrNotInstalled }, Error, "not installed"},
		{"failurePolicy Ignore", "CS004", func(f *Facts) {
			ignore := admissionregistrationv1.Ignore
			f.Installation.Webhook.FailurePolicy = &ignore
		}, Info, "without certificates while no replica responds"},
		{"all replicas", "CS005", func(*Facts) {}, OK, "all 2 replicas"},
		{"one of two replicas", "CS005", func(f *Facts) { f.Installation.Deployment.Status.ReadyReplicas = 1 }, Warning, "1 of 2 replicas"},
		{"no replica", "CS005", func(f *Facts) { f.Installation.Deployment.Status.ReadyReplicas = 0 }, Error, "no replica of system/webhook"},
		{"no Deployment", "CS005", func(f *Facts) { f.Installation.Deployment = nil }, Error, "does not exist"},
		{"damaged caBundle", "CS006", func(f *Facts) {
			f.Installation.Webhook.ClientConfig.CABundle = []byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
		}, Error, "cannot be used"},
		{"good certificate", "CS007", func(*Facts) {}, OK, "replica webhook-1"},
		{"certificate about to expire", "CS007", func(f *Facts) { f.Handshakes[0].Leaf.NotAfter = f.Now.Add(time.Hour) }, Warning, "expires at"},
		{"unknown CA", "CS007", func(f *Facts) { f.Handshakes[0] = Handshake{Pod: "webhook-1", Err: x509.UnknownAuthorityError{}} }, Error, "does not verify"},
		{"wrong name", "CS007", func(f *Facts) {
			f.Handshakes[0] = Handshake{Pod: "webhook-1", Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}}
		}, Error, "does not verify"},
		{"no connection", "CS007", func(f *Facts) { f.Handshakes[0] = Handshake{Pod: "webhook-1", Err: errors.New("timeout")} }, Warning, "cannot be reached"},
		{"port-forward not allowed", "CS007", func(f *Facts) {
			f.Handshakes[0] = Handshake{Err: &cluster.AccessError{Text: "pods/portforward"}}
		}, Skipped, "pods/portforward"},
		{"selector leaves out pods", "CS008", func(f *Facts) {
			f.Installation.Webhook.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"certificates": "yes"}}
		}, Warning, "namespace shop has 1 pod with the label"},
		{"both add the identity", "CS009", func(f *Facts) {
			f.Installation.Original = true
			c := &f.Installation.Deployment.Spec.Template.Spec.Containers[0]
			c.Args = append(c.Args, "--identity-injection=always")
		}, Warning, "both add the identity"},
		{"uninjected", "CS010", func(f *Facts) { f.Pods = append(f.Pods, *pod("a", ""), *pod("b", "")) }, Warning, "2 pods should have the sidecar and have none (shop/a, shop/b)"},
		{"uninjected, but finished", "CS010", func(f *Facts) {
			f.Pods = append(f.Pods, *pod("a", ""))
			f.Pods[1].Status.Phase = corev1.PodSucceeded
		}, OK, "every pod"},
		{"requests nothing", "CS010", func(f *Facts) {
			f.Pods = append(f.Pods, *pod("a", ""))
			f.Pods[1].Annotations = nil
		}, OK, "every pod"},
		{"inject: false", "CS010", func(f *Facts) {
			f.Pods = append(f.Pods, *pod("a", ""))
			f.Pods[1].Annotations[contract.Prefix+contract.KeyInject] = "False"
		}, OK, "every pod"},
		{"requested by the service account", "CS010", uninjectedPod(func(f *Facts, p *corev1.Pod) {
			f.Accounts["shop/default"][contract.Prefix+contract.KeyCertificates] = p.Annotations[contract.Prefix+contract.KeyCertificates]
			p.Annotations = nil
		}), Warning, "1 pod should have the sidecar and has none (shop/a)"},
		{"switched off by the service account", "CS010", uninjectedPod(func(f *Facts, _ *corev1.Pod) {
			f.Accounts["shop/default"][contract.Prefix+contract.KeyInject] = "false"
		}), OK, "every pod"},
		{"requested by the namespace", "CS010", uninjectedPod(func(f *Facts, p *corev1.Pod) {
			f.Namespaces["shop"].Annotations, p.Annotations = p.Annotations, nil
		}), Warning, "(shop/a)"},
		{"requested by the chart", "CS010", uninjectedPod(func(f *Facts, p *corev1.Pod) {
			c := &f.Installation.Deployment.Spec.Template.Spec.Containers[0]
			c.Args = append(c.Args, "--default=certificates="+p.Annotations[contract.Prefix+contract.KeyCertificates])
			p.Annotations = nil
		}), Warning, "(shop/a)"},
		{"requests only the metadata endpoint", "CS010", uninjectedPod(func(_ *Facts, p *corev1.Pod) {
			p.Annotations = map[string]string{contract.AnnotationInjectProxySidecar: "true"}
		}), Warning, "(shop/a)"},
		{"a Windows pod", "CS010", uninjectedPod(func(_ *Facts, p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} }), OK, "every pod"},
		{"a static pod", "CS010", uninjectedPod(func(_ *Facts, p *corev1.Pod) { p.Annotations[corev1.MirrorPodAnnotationKey] = "x" }), OK, "every pod"},
		{"being deleted", "CS010", uninjectedPod(func(f *Facts, p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: f.Now} }), OK, "every pod"},
		{"denied, and requests certificates", "CS010", uninjectedPod(func(_ *Facts, p *corev1.Pod) {
			p.Annotations[contract.Prefix+contract.KeyPort] = "none"
		}), Warning, "(shop/a)"},
		{"denied, and requests nothing", "CS010", uninjectedPod(func(_ *Facts, p *corev1.Pod) {
			p.Annotations = map[string]string{contract.AnnotationTokenExpiration: "5"}
		}), OK, "every pod"},
		{"matchConditions", "CS010", uninjectedPod(func(f *Facts, _ *corev1.Pod) {
			f.Installation.Webhook.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "x"}}
		}), Warning, "which this check does not evaluate"},
		{"service accounts not allowed", "CS010", uninjectedPod(func(f *Facts, p *corev1.Pod) {
			f.Accounts, f.AccountsErr = nil, &cluster.AccessError{Text: "you are not allowed"}
			p.Annotations = nil
		}), Skipped, "requested by service accounts: you are not allowed"},
		{"outdated", "CS011", func(f *Facts) { f.Pods = append(f.Pods, *pod("old", "sidecar:1")) }, Warning, "1 pod has another sidecar (shop/old): image sidecar:1"},
		{"restricted after the fact", "CS012", func(f *Facts) {
			f.Namespaces["shop"].Labels[annotations.LabelPodSecurity] = "restricted"
			f.Pods[0].Spec.InitContainers = append(f.Pods[0].Spec.InitContainers, corev1.Container{Name: contract.IMDSContainerName})
		}, Warning, "127.0.0.1"},
		{"restricted, and the pod is not", "CS012", func(f *Facts) {
			f.Namespaces["shop"].Labels[annotations.LabelPodSecurity] = "restricted"
		}, Warning, `1 pod is refused when it is recreated (shop/web): namespace shop enforces Pod Security "restricted": allowPrivilegeEscalation != false`},
		{"baseline and hostNetwork", "CS012", secured("baseline", func(p *corev1.Pod) { p.Spec.HostNetwork = true }), Warning, "enforces Pod Security \"baseline\": host namespaces"},
		{"baseline and hostPath", "CS012", secured("baseline", func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		}), Warning, "hostPath volumes"},
		{"baseline and an ordinary pod", "CS012", secured("baseline", func(*corev1.Pod) {}), OK, "allow the pods"},
		{"unknown level", "CS012", secured("strict", func(*corev1.Pod) {}), Warning, `enforces Pod Security "restricted"`},
		{"finished", "CS012", secured("restricted", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }), OK, "allow the pods"},
		{"privileged, and the endpoint at 127.0.0.1", "CS012", secured("privileged", func(p *corev1.Pod) {
			p.Spec.InitContainers[0].Args = []string{"--metadata=127.0.0.1:8000"}
		}), Info, "moves from 127.0.0.1 to 169.254.169.254"},
		{"warns about the address", "CS012", func(f *Facts) {
			f.Namespaces["shop"].Labels["pod-security.kubernetes.io/warn"] = "baseline"
			f.Pods[0].Spec.InitContainers = append(f.Pods[0].Spec.InitContainers, corev1.Container{Name: contract.IMDSContainerName})
		}, Info, "prints warnings about container certsync-imds-init"},
		{"admitted again", "CS014", func(*Facts) {}, OK, "1 pod with the label: the webhook admits each again"},
		{"invalid annotation", "CS014", func(f *Facts) { f.Pods[0].Annotations[contract.Prefix+contract.KeyPort] = "none" }, Warning, "1 pod is denied when it is recreated (shop/web): "},
		{"hostNetwork and the endpoint", "CS014", func(f *Facts) {
			f.Pods[0].Annotations[contract.AnnotationInjectProxySidecar] = "true"
			f.Pods[0].Spec.HostNetwork = true
		}, Warning, "hostNetwork"},
		{"no service account", "CS014", func(f *Facts) { f.Pods[0].Spec.ServiceAccountName = "gone" }, Warning, `service account "gone" does not exist`},
		{"two releases", "CS004", func(f *Facts) { f.Installation.Others = []string{"second"} }, Warning, "installed more than once, also as second"},
		{"scaled to zero", "CS005", func(f *Facts) {
			f.Installation.Deployment.Spec.Replicas, f.Installation.Deployment.Status.ReadyReplicas = new(int32), 0
		}, Error, "scaled to zero"},
		{"a webhook with a URL", "CS005", func(f *Facts) {
			f.Installation.Webhook.ClientConfig.Service, f.Installation.Deployment = nil, nil
		}, Skipped, "outside of the cluster"},
		{"a webhook with a URL and a public CA", "CS006", func(f *Facts) {
			f.Installation.Webhook.ClientConfig.Service, f.Installation.Deployment = nil, nil
		}, Info, "its system's CAs"},
		{"least memory that the pod sets", "CS013", func(f *Facts) {
			limit(corev1.LimitRangeItem{Min: amounts("64Mi")})(f)
			f.Pods[0].Annotations[contract.Prefix+contract.KeyMemoryRequest] = "64Mi"
		}, OK, "no LimitRange"},
		{"least memory, and no pod with a sidecar", "CS013", func(f *Facts) {
			limit(corev1.LimitRangeItem{Min: amounts("64Mi")})(f)
			f.Pods = []corev1.Pod{*pod("identity", "")}
			f.Pods[0].Annotations = nil
		}, OK, "no LimitRange"},
		{"most memory of a pod", "CS013", func(f *Facts) {
			limit(corev1.LimitRangeItem{Max: amounts("128Mi")})(f)
			f.LimitRanges[0].Spec.Limits[0].Type = corev1.LimitTypePod
			f.Pods[0].Spec.Containers[0].Resources.Limits = amounts("100Mi")
		}, Warning, "the most memory of a pod is 128Mi, but pod shop/web has 100Mi, and 164Mi with the sidecar"},
		{"most memory of a pod that fits", "CS013", func(f *Facts) {
			limit(corev1.LimitRangeItem{Max: amounts("164Mi")})(f)
			f.LimitRanges[0].Spec.Limits[0].Type = corev1.LimitTypePod
			f.Pods[0].Spec.Containers[0].Resources.Limits = amounts("100Mi")
		}, OK, "no LimitRange"},
		{"least memory", "CS013", limit(corev1.LimitRangeItem{Min: amounts("64Mi")}), Warning, `memory-request: "64Mi"`},
		{"least memory that the chart's default satisfies", "CS013", limit(corev1.LimitRangeItem{Min: amounts("48Mi")}), OK, "no LimitRange"},
		{"most memory", "CS013", limit(corev1.LimitRangeItem{Max: amounts("32Mi")}), Warning, `memory-limit: "32Mi"`},
		{"ratio", "CS013", limit(corev1.LimitRangeItem{MaxLimitRequestRatio: amounts("1")}), Warning, "ratio"},
		{"of another namespace", "CS013", func(f *Facts) {
			limit(corev1.LimitRangeItem{Min: amounts("64Mi")})(f)
			f.LimitRanges[0].Namespace = "other"
		}, OK, "no LimitRange"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := healthy()
			test.change(f)
			for _, r := range Run(f) {
				text := strings.Join(r.Messages, "\n")
				if len(r.Messages) == 0 || r.Severity == "" || r.Link != documentation+strings.ToLower(r.ID) {
					t.Errorf("incomplete result: %+v", r)
				}
				if r.ID == test.id && (r.Severity != test.severity || !strings.Contains(text, test.message)) {
					t.Errorf("%s is %s: %s; want %s with %q", r.ID, r.Severity, text, test.severity, test.message)
				}
			}
		})
	}
}

// uninjectedPod adds a changed pod without a sidecar.
func uninjectedPod(change func(*Facts, *corev1.Pod)) func(*Facts) {
	return func(f *Facts) {
		f.Pods = append(f.Pods, *pod("a", ""))
		change(f, &f.Pods[1])
	}
}

// secured lets the namespace enforce a level, and changes the pod.
func secured(level string, change func(*corev1.Pod)) func(*Facts) {
	return func(f *Facts) {
		f.Namespaces["shop"].Labels[annotations.LabelPodSecurity] = level
		change(&f.Pods[0])
	}
}

func amounts(memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}
}

// limit adds a LimitRange for containers.
func limit(item corev1.LimitRangeItem) func(*Facts) {
	item.Type = corev1.LimitTypeContainer
	return func(f *Facts) {
		f.LimitRanges = []corev1.LimitRange{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "limits"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{item}},
		}}
	}
}

// Each ID has one meaning, and an entry in the documentation.
func TestIDs(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/kubectl.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.id] {
			t.Errorf("%s is used twice", c.id)
		}
		seen[c.id] = true
		if !strings.Contains(string(page), "<a id=\""+strings.ToLower(c.id)+"\">") {
			t.Errorf("%s (%s) has no entry in docs/kubectl.md", c.id, c.title)
		}
	}
}
