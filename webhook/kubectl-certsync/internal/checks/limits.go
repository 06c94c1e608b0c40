package checks

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
)

// limitRanges finds LimitRanges that refuse the sidecar: of the pods that have or get it, and with
// Pre of any pod in the namespace that sets no resources itself.
func limitRanges(f *Facts, r *Result) {
	if err := errors.Join(f.LimitErr, f.PodsErr, f.NamespacesErr); err != nil {
		r.skip(err)
		return
	}
	pods := map[string][]*corev1.Pod{}
	for i := range f.Pods {
		if pod := &f.Pods[i]; f.counts(pod) && (fleet.Injected(pod) || f.getsSidecar(pod)) {
			pods[pod.Namespace] = append(pods[pod.Namespace], pod)
		}
	}
	for i := range f.LimitRanges {
		l := &f.LimitRanges[i]
		var problems []string
		for _, item := range l.Spec.Limits {
			if f.Pre && item.Type == corev1.LimitTypeContainer {
				problems = append(problems, misfits(&item, f.resources(settings.Sources{Namespace: f.namespaceAnnotations(l.Namespace), Chart: f.flags().Defaults()}))...)
			}
			for _, pod := range pods[l.Namespace] {
				switch sidecar := f.resources(f.sources(pod)); item.Type {
				case corev1.LimitTypeContainer:
					problems = append(problems, misfits(&item, sidecar)...)
				case corev1.LimitTypePod:
					problems = append(problems, excess(&item, pod, sidecar)...)
				}
			}
		}
		slices.Sort(problems)
		for _, problem := range slices.Compact(problems) {
			r.add(Warning, "LimitRange %s/%s does not fit the sidecar: %s", l.Namespace, l.Name, problem)
		}
	}
	if r.Severity == "" {
		r.add(OK, "no LimitRange refuses the sidecar")
	}
}

// resources are the sidecar's, by the annotations of all levels. Invalid ones are what denials
// reports.
func (f *Facts) resources(s settings.Sources) corev1.ResourceRequirements {
	resolved, err := settings.Resolve(s, settings.Options{AllowedVaults: f.flags().Options(false, f.Major, f.Minor, "").AllowedVaults})
	if err != nil {
		return corev1.ResourceRequirements{}
	}
	resources, _ := inject.Resources(resolved)
	return resources
}

// keys are the annotations of a request and a limit.
var keys = map[corev1.ResourceName]struct{ request, limit string }{
	corev1.ResourceCPU:              {contract.KeyCPURequest, contract.KeyCPULimit},
	corev1.ResourceMemory:           {contract.KeyMemoryRequest, contract.KeyMemoryLimit},
	corev1.ResourceEphemeralStorage: {contract.KeyStorageRequest, contract.KeyStorageLimit},
}

// misfits returns why a LimitRange for containers would refuse the sidecar.
func misfits(item *corev1.LimitRangeItem, sidecar corev1.ResourceRequirements) (problems []string) {
	for name, key := range keys {
		request, requested := sidecar.Requests[name]
		limit, limited := sidecar.Limits[name]
		if least, ok := item.Min[name]; ok && requested && request.Cmp(least) < 0 {
			problems = append(problems, fmt.Sprintf("the least %s is %s, but the sidecar requests %s: annotate the namespace with %s%s: %q",
				name, least.String(), request.String(), contract.Prefix, key.request, least.String()))
		}
		if most, ok := item.Max[name]; ok && limited && limit.Cmp(most) > 0 {
			problems = append(problems, fmt.Sprintf("the most %s is %s, but the sidecar's limit is %s: annotate the namespace with %s%s: %q",
				name, most.String(), limit.String(), contract.Prefix, key.limit, most.String()))
		}
		if ratio, ok := item.MaxLimitRequestRatio[name]; ok && requested && limited &&
			limit.AsApproximateFloat64() > ratio.AsApproximateFloat64()*request.AsApproximateFloat64() {
			problems = append(problems, fmt.Sprintf("the largest ratio of limit to request for %s is %s, but the sidecar has %s and %s: annotate the namespace with %s%s: %q",
				name, ratio.String(), limit.String(), request.String(), contract.Prefix, key.request, limit.String()))
		}
	}
	return problems
}

// excess returns why a LimitRange for pods would refuse a pod with the sidecar, although it allows
// the pod without it.
func excess(item *corev1.LimitRangeItem, pod *corev1.Pod, sidecar corev1.ResourceRequirements) (problems []string) {
	for name := range keys {
		most, ok := item.Max[name]
		limit, limited := sidecar.Limits[name]
		app, known := appLimit(pod, name)
		if !ok || !limited || !known || app.Cmp(most) > 0 {
			continue
		}
		total := app.DeepCopy()
		total.Add(limit)
		if total.Cmp(most) > 0 {
			problems = append(problems, fmt.Sprintf("the most %s of a pod is %s, but pod %s/%s has %s, and %s with the sidecar: raise the LimitRange, "+
				"or lower the limit of the app or of the sidecar (annotation %s%s)", name, most.String(), pod.Namespace, pod.Name, app.String(),
				total.String(), contract.Prefix, keys[name].limit))
		}
	}
	return problems
}

// appLimit returns the sum of the limits of the containers that run at the same time, without the
// sidecar. It is not known if a container has no limit.
func appLimit(pod *corev1.Pod, name corev1.ResourceName) (total resource.Quantity, known bool) {
	add := func(c *corev1.Container) bool {
		limit, ok := c.Resources.Limits[name]
		total.Add(limit)
		return ok
	}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.RestartPolicy != nil && c.Name != contract.ContainerName && !add(c) {
			return total, false
		}
	}
	for i := range pod.Spec.Containers {
		if c := &pod.Spec.Containers[i]; c.Name != contract.ContainerName && !add(c) {
			return total, false
		}
	}
	return total, true
}
