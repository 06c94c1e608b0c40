package admission

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

func TestUninjected(t *testing.T) {
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "ns", Name: "a", Labels: map[string]string{contract.LabelUse: "true"}, Annotations: map[string]string{},
			},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}},
		}
		change(p)
		return p
	}
	certificates := contract.Prefix + contract.KeyCertificates
	identity := corev1.Volume{Name: contract.IdentityVolumePrefix + "abc"}
	for name, test := range map[string]struct {
		change         func(*corev1.Pod)
		leftToOriginal bool // the original webhook injects identity
		uninjected     bool
		denied         bool
	}{
		"no label":    {change: func(p *corev1.Pod) { p.Labels = nil }},
		"no identity": {change: func(*corev1.Pod) {}, uninjected: true},
		"identity of another configuration": {change: func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{identity}
		}},
		"certificates were requested after injection": {change: func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{identity}
			p.Annotations[certificates] = "https://vault-one.vault.azure.net/secrets/c1"
		}},
		"annotation became invalid after injection": {change: func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{identity}
			p.Annotations[certificates] = "https://vault.example.com/secrets/c1"
		}},
		"the original's identity but no sidecar": {change: func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{identity}
			p.Annotations[certificates] = "https://vault-one.vault.azure.net/secrets/c1"
		}, leftToOriginal: true, uninjected: true},
		"nothing to do": {change: func(*corev1.Pod) {}, leftToOriginal: true},
		"only the original's identity": {change: func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{identity}
		}, leftToOriginal: true},
		"would be denied": {change: func(p *corev1.Pod) {
			p.Annotations[certificates] = "https://vault.example.com/secrets/c1"
		}, uninjected: true, denied: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig()
			options := *c.Options()
			options.InjectIdentity, options.Mark = !test.leftToOriginal, true
			c.Options = func() *inject.Options { return &options }
			uninjected, reason, err := c.Uninjected(t.Context(), pod(test.change))
			if err != nil || uninjected != test.uninjected || (reason != "") != test.denied {
				t.Errorf("got %v, %q, %v; want %v", uninjected, reason, err, test.uninjected)
			}
		})
	}
	c := testConfig()
	c.ServiceAccount = failing
	if _, _, err := c.Uninjected(t.Context(), pod(func(*corev1.Pod) {})); err == nil {
		t.Error("no error while the API server does not respond")
	}
}
