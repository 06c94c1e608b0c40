package checks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
)

// shown is how many pods a message names.
const shown = 5

// reviewed reports whether the webhook's selectors match a pod.
func (f *Facts) reviewed(pod *corev1.Pod) bool {
	namespace := f.Namespaces[pod.Namespace]
	if namespace == nil {
		return true
	}
	ok, _ := f.Installation.Reviews(pod.Labels, namespace.Labels)
	return ok
}

func uninjected(f *Facts, r *Result) {
	if !f.present(r) {
		return
	}
	if f.PodsErr != nil {
		r.skip(f.PodsErr)
		return
	}
	var names []string
	for i := range f.Pods {
		pod := &f.Pods[i]
		if !fleet.Finished(pod) && !fleet.Injected(pod) && requests(pod, f.Namespaces[pod.Namespace]) && f.reviewed(pod) {
			names = append(names, pod.Namespace+"/"+pod.Name)
		}
	}
	if len(names) == 0 {
		r.add(OK, "every pod that requests certificates has the sidecar (%s with the label)", plural(len(f.Pods), "pod"))
		return
	}
	r.add(Warning, "%s: created while the webhook was not installed or did not respond; recreate them (kubectl certsync doctor POD shows why)",
		listed(names, "pod requests certificates and has no sidecar", "pods request certificates and have no sidecar"))
}

// requests reports whether a pod or its namespace names certificates. Service accounts are not
// read.
func requests(pod *corev1.Pod, namespace *corev1.Namespace) bool {
	levels := []map[string]string{pod.Annotations}
	if namespace != nil {
		levels = append(levels, namespace.Annotations)
	}
	for _, level := range levels {
		for _, key := range []string{contract.KeyCertificates, contract.KeySettings, contract.KeySettingsConfigMap} {
			if strings.TrimSpace(level[contract.Prefix+key]) != "" {
				return pod.Annotations[contract.Prefix+contract.KeyInject] != "false"
			}
		}
	}
	return false
}

func outdated(f *Facts, r *Result) {
	if !f.present(r) {
		return
	}
	if f.PodsErr != nil {
		r.skip(f.PodsErr)
		return
	}
	image := f.Installation.Flags().SidecarImage()
	if image == "" {
		r.add(Skipped, "not checked: the Deployment does not name the sidecar's image")
		return
	}
	byImage := map[string][]string{}
	for i := range f.Pods {
		pod := &f.Pods[i]
		if c := fleet.Sidecar(pod); c != nil && !fleet.Finished(pod) && c.Image != image {
			byImage[c.Image] = append(byImage[c.Image], pod.Namespace+"/"+pod.Name)
		}
	}
	for _, old := range sortedKeys(byImage) {
		r.add(Warning, "%s: image %s, while new pods get %s: recreate the pods to update them",
			listed(byImage[old], "pod has another sidecar", "pods have another sidecar"), old, image)
	}
	if len(byImage) == 0 {
		r.add(OK, "every sidecar has the image %s", image)
	}
}

// podSecurity finds pods whose form of the metadata endpoint their namespace does not allow any
// more. The sidecar itself satisfies every level.
func podSecurity(f *Facts, r *Result) {
	if err := errors.Join(f.PodsErr, f.NamespacesErr); err != nil {
		r.skip(err)
		return
	}
	for i := range f.Pods {
		pod := &f.Pods[i]
		namespace := f.Namespaces[pod.Namespace]
		if namespace == nil || fleet.Finished(pod) {
			continue
		}
		level := namespace.Labels[annotations.LabelPodSecurity]
		restricted := level == "baseline" || level == "restricted"
		hasInit := slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == contract.IMDSContainerName })
		switch {
		case restricted && hasInit:
			r.add(Warning, "namespace %s enforces %q since pod %s was created: when it is recreated, its metadata endpoint moves from 169.254.169.254 to 127.0.0.1",
				pod.Namespace, level, pod.Name)
		case restricted && pod.Spec.HostNetwork:
			r.add(Warning, "pod %s/%s uses hostNetwork, which its namespace's level %q refuses when the pod is recreated", pod.Namespace, pod.Name, level)
		}
	}
	if r.Severity == "" {
		r.add(OK, "the namespaces of labelled pods allow the sidecar (it satisfies the level \"restricted\")")
	}
}

// The sidecar's resources where nothing sets them, as in docs/reference.md. The CPU limit is that
// of pods whose containers all have one, as they have where a LimitRange bounds limits.
var defaults = map[string]string{
	contract.KeyCPURequest: "10m", contract.KeyMemoryRequest: "32Mi", contract.KeyCPULimit: "200m", contract.KeyMemoryLimit: "64Mi",
}

func limitRanges(f *Facts, r *Result) {
	if err := errors.Join(f.LimitErr, f.PodsErr, f.NamespacesErr); err != nil {
		r.skip(err)
		return
	}
	used := map[string]bool{}
	for i := range f.Pods {
		used[f.Pods[i].Namespace] = true
	}
	for i := range f.LimitRanges {
		l := &f.LimitRanges[i]
		if !used[l.Namespace] && !f.Pre {
			continue
		}
		for _, item := range l.Spec.Limits {
			if item.Type != corev1.LimitTypeContainer {
				continue
			}
			for _, problem := range f.misfits(&item, l.Namespace) {
				r.add(Warning, "LimitRange %s/%s does not fit the sidecar: %s", l.Namespace, l.Name, problem)
			}
		}
	}
	if r.Severity == "" {
		r.add(OK, "no LimitRange refuses the sidecar")
	}
}

// misfits returns why a LimitRange would refuse a pod with the sidecar.
func (f *Facts) misfits(item *corev1.LimitRangeItem, namespace string) (problems []string) {
	for _, res := range []struct {
		name           corev1.ResourceName
		request, limit string
	}{
		{corev1.ResourceCPU, contract.KeyCPURequest, contract.KeyCPULimit},
		{corev1.ResourceMemory, contract.KeyMemoryRequest, contract.KeyMemoryLimit},
	} {
		request, limit := f.amount(res.request, namespace), f.amount(res.limit, namespace)
		if least, ok := item.Min[res.name]; ok && request.Cmp(least) < 0 {
			problems = append(problems, fmt.Sprintf("the least %s is %s, but the sidecar requests %s: annotate the namespace with %s%s: %q",
				res.name, least.String(), request.String(), contract.Prefix, res.request, least.String()))
		}
		if most, ok := item.Max[res.name]; ok && limit.Cmp(most) > 0 {
			problems = append(problems, fmt.Sprintf("the most %s is %s, but the sidecar's limit is %s: annotate the namespace with %s%s: %q",
				res.name, most.String(), limit.String(), contract.Prefix, res.limit, most.String()))
		}
		if ratio, ok := item.MaxLimitRequestRatio[res.name]; ok && limit.AsApproximateFloat64() > ratio.AsApproximateFloat64()*request.AsApproximateFloat64() {
			problems = append(problems, fmt.Sprintf("the largest ratio of limit to request for %s is %s, but the sidecar has %s and %s: annotate the namespace with %s%s: %q",
				res.name, ratio.String(), limit.String(), request.String(), contract.Prefix, res.request, limit.String()))
		}
	}
	return problems
}

// amount returns the sidecar's amount for pods that do not set it themselves.
func (f *Facts) amount(key, namespace string) resource.Quantity {
	candidates := []string{}
	if n := f.Namespaces[namespace]; n != nil {
		candidates = append(candidates, n.Annotations[contract.Prefix+key])
	}
	if f.Installation != nil && f.Installation.Configuration != nil {
		candidates = append(candidates, f.Installation.Flags().Defaults()[key])
	}
	for _, text := range candidates {
		if q, err := resource.ParseQuantity(strings.TrimSpace(text)); err == nil {
			return q
		}
	}
	return resource.MustParse(defaults[key])
}

// listed returns a count with what follows it, and the first names.
func listed(names []string, one, many string) string {
	what := many
	if len(names) == 1 {
		what = one
	}
	text := fmt.Sprintf("%d %s (%s", len(names), what, strings.Join(names[:min(len(names), shown)], ", "))
	if more := len(names) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text + ")"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
