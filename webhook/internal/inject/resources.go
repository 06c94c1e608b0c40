package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// The sidecar's resources where no annotation sets them.
var (
	defaultCPURequest    = resource.MustParse("10m")
	defaultMemoryRequest = resource.MustParse("32Mi")
	defaultCPULimit      = resource.MustParse("100m")
	defaultMemoryLimit   = resource.MustParse("64Mi")

	// baseMemory is what the sidecar needs in addition to its stores, whose pages count against its
	// limit.
	baseMemory = resource.MustParse("32Mi")
)

// amount is a request and a limit of one resource.
type amount struct {
	name           corev1.ResourceName
	request, limit resource.Quantity
}

// planResources returns the sidecar's requests and limits. All are always set, since a
// ResourceQuota may require them. They keep the pod's QoS class Guaranteed and fit into the pod's
// spec.resources.
func (in *injection) planResources() (corev1.ResourceRequirements, error) {
	cpu, mem, errs := amounts(in.settings)
	if len(errs) > 0 {
		return corev1.ResourceRequirements{}, errs
	}
	in.raiseMemory(&mem)
	if in.pod.Spec.Resources != nil {
		in.fitPod(&cpu)
		in.fitPod(&mem)
	} else if isGuaranteed(in.apps) {
		cpu.request, mem.request = cpu.limit, mem.limit
	}
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{cpu.name: cpu.request, mem.name: mem.request},
		Limits:   corev1.ResourceList{cpu.name: cpu.limit, mem.name: mem.limit},
	}, nil
}

// checkUnused warns about values on the pod itself that would be denied if the pod had a sidecar.
func (in *injection) checkUnused() {
	_, _, errs := amounts(in.settings)
	for _, e := range errs {
		if e.Level == settings.Pod {
			in.warn(e.Error())
		}
	}
}

// amounts returns what the annotations and the defaults give.
func amounts(s *settings.Resolved) (cpu, mem amount, errs settings.Errors) {
	cpu, err := newAmount(corev1.ResourceCPU, s.CPURequest, s.CPULimit, defaultCPURequest, defaultCPULimit)
	if err != nil {
		errs = append(errs, err)
	}
	if mem, err = newAmount(corev1.ResourceMemory, s.MemoryRequest, s.MemoryLimit, defaultMemoryRequest, defaultMemoryLimit); err != nil {
		errs = append(errs, err)
	}
	return cpu, mem, errs
}

// newAmount returns the annotations' values, or the defaults where an annotation is missing. A
// default that contradicts an annotation is adjusted to it.
func newAmount(
	name corev1.ResourceName, request, limit settings.Value, defaultRequest, defaultLimit resource.Quantity,
) (amount, *settings.Error) {
	a := amount{name, defaultRequest, defaultLimit}
	for _, v := range []struct {
		value settings.Value
		to    *resource.Quantity
	}{{request, &a.request}, {limit, &a.limit}} {
		if !v.value.Given() {
			continue
		}
		q, err := resource.ParseQuantity(v.value.Text)
		if err != nil || q.Sign() <= 0 {
			return a, v.value.Err(`not a positive Kubernetes quantity: use one such as "50m" for cpu or "64Mi" for memory`)
		}
		*v.to = q
	}
	if a.request.Cmp(a.limit) <= 0 {
		return a, nil
	}
	switch {
	case request.Given() && limit.Given():
		return a, request.Err(fmt.Sprintf("more than the limit of %s in annotation %s%s: lower the request or raise the limit",
			limit.Text, contract.Prefix, limit.Key))
	case request.Given():
		a.limit = a.request
	default:
		a.request = a.limit
	}
	return a, nil
}

// raiseMemory raises a limit that the stores, which are in memory, could exhaust.
func (in *injection) raiseMemory(mem *amount) {
	need := baseMemory.DeepCopy()
	for range in.settings.Stores {
		need.Add(storeSize)
	}
	if mem.limit.Cmp(need) >= 0 {
		return
	}
	in.warn(fmt.Sprintf("the sidecar's memory limit is raised from %s to %s: "+
		"32Mi, and 16Mi for each certificate store, which is kept in memory",
		mem.limit.String(), need.String()))
	mem.limit = need
}

// isGuaranteed reports whether containers have the QoS class Guaranteed.
//
// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
func isGuaranteed(apps []*container) bool {
	for _, c := range apps {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			limit, limited := c.Resources.Limits[name]
			request, requested := c.Resources.Requests[name]
			if !limited || limit.IsZero() || requested && request.Cmp(limit) != 0 {
				return false
			}
		}
	}
	return len(apps) > 0
}
