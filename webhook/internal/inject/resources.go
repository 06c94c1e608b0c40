package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// What the sidecar is given where no annotation says otherwise.
var (
	defaultCPURequest    = resource.MustParse("10m")
	defaultMemoryRequest = resource.MustParse("32Mi")
	defaultCPULimit      = resource.MustParse("100m")
	defaultMemoryLimit   = resource.MustParse("64Mi")

	// baseMemory is needed beside the stores, whose pages count against the sidecar's limit.
	baseMemory = resource.MustParse("32Mi")
)

// amount is a request and a limit of one resource.
type amount struct {
	name           corev1.ResourceName
	request, limit resource.Quantity
}

// resources returns the sidecar's requests and limits, all of them always set, since a ResourceQuota may ask for
// that. They keep the pod's QoS class Guaranteed, and stay within the pod's own spec.resources.
func (p *pass) resources() (corev1.ResourceRequirements, error) {
	cpu, mem, errs := p.amounts()
	if len(errs) > 0 {
		return corev1.ResourceRequirements{}, errs
	}
	p.raiseMemory(&mem)
	if p.pod.Spec.Resources != nil {
		p.fit(&cpu)
		p.fit(&mem)
	} else if p.guaranteed() {
		cpu.request, mem.request = cpu.limit, mem.limit
	}
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{cpu.name: cpu.request, mem.name: mem.request},
		Limits:   corev1.ResourceList{cpu.name: cpu.limit, mem.name: mem.limit},
	}, nil
}

// checkUnused warns of values on the pod itself that would be refused if it had a sidecar.
func (p *pass) checkUnused() {
	_, _, errs := p.amounts()
	for _, e := range errs {
		if e.Level == settings.Pod {
			p.warn(e.Error())
		}
	}
}

// amounts are what the annotations and the defaults give.
func (p *pass) amounts() (cpu, mem amount, errs settings.Errors) {
	cpu, err := newAmount(corev1.ResourceCPU, p.s.CPURequest, p.s.CPULimit, defaultCPURequest, defaultCPULimit)
	if err != nil {
		errs = append(errs, err)
	}
	if mem, err = newAmount(corev1.ResourceMemory, p.s.MemoryRequest, p.s.MemoryLimit, defaultMemoryRequest, defaultMemoryLimit); err != nil {
		errs = append(errs, err)
	}
	return cpu, mem, errs
}

// newAmount takes the annotations, and the defaults where there are none; a default gives way to an annotation.
func newAmount(name corev1.ResourceName, request, limit settings.Value, defaultRequest, defaultLimit resource.Quantity) (amount, *settings.Error) {
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
			return a, v.value.Err(`give a Kubernetes quantity above 0, as in "50m" of cpu or "64Mi" of memory`)
		}
		*v.to = q
	}
	if a.request.Cmp(a.limit) <= 0 {
		return a, nil
	}
	switch {
	case request.Given() && limit.Given():
		return a, request.Err(fmt.Sprintf("more than the limit of %s in annotation %s%s: give at most that, or raise the limit",
			limit.Text, contract.Prefix, limit.Key))
	case request.Given():
		a.limit = a.request
	default:
		a.request = a.limit
	}
	return a, nil
}

// raiseMemory raises a limit that the stores, which are in memory, could exhaust.
func (p *pass) raiseMemory(mem *amount) {
	need := baseMemory.DeepCopy()
	for range p.s.Stores {
		need.Add(storeSize)
	}
	if mem.limit.Cmp(need) >= 0 {
		return
	}
	p.warn(fmt.Sprintf("the sidecar's memory limit is raised from %s to %s: 32Mi, and 16Mi for each certificate store, which is kept in memory",
		mem.limit.String(), need.String()))
	mem.limit = need
}

// guaranteed reports whether all containers have the QoS class Guaranteed by themselves.
//
// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
func (p *pass) guaranteed() bool {
	for i := range p.apps {
		r := &p.apps[i].Resources
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			limit, limited := r.Limits[name]
			request, requested := r.Requests[name]
			if !limited || limit.IsZero() || requested && request.Cmp(limit) != 0 {
				return false
			}
		}
	}
	return len(p.apps) > 0
}
