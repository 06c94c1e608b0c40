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
	defaultCPURequest    = resource.MustParse(contract.DefaultCPURequest)
	defaultMemoryRequest = resource.MustParse(contract.DefaultMemoryRequest)
	defaultMemoryLimit   = resource.MustParse(contract.DefaultMemoryLimit)

	// The CPU limit in pods where the sidecar needs one: see neededCPULimit. guaranteedCPU is also
	// the request, which the scheduler reserves.
	limitedCPU    = resource.MustParse(contract.DefaultCPULimit)
	guaranteedCPU = resource.MustParse("100m")

	// baseMemory is what the sidecar needs in addition to its stores, whose pages count against its
	// limit.
	baseMemory = resource.MustParse("32Mi")
)

// amount is a request and a limit of one resource. A limit of 0 stands for none.
type amount struct {
	name           corev1.ResourceName
	request, limit resource.Quantity
}

// planResources returns the sidecar's requests and limits. Those of memory are always set, since a
// ResourceQuota may require them; a limit of cpu where the sidecar needs one. They keep the pod's
// QoS class Guaranteed and fit into the pod's spec.resources. ephemeral-storage, which matters for
// neither, is set only where an annotation asks for it.
func (in *injection) planResources() (corev1.ResourceRequirements, error) {
	cpu, mem, storage, errs := amounts(in.settings)
	if len(errs) > 0 {
		return corev1.ResourceRequirements{}, errs
	}
	in.raiseMemory(&mem)
	if cpu.limit.IsZero() {
		cpu.limit = in.neededCPULimit(cpu.request)
	}
	if in.pod.Spec.Resources != nil {
		in.fitPod(&cpu)
		in.fitPod(&mem)
	} else if isGuaranteed(in.apps) {
		cpu.request, mem.request = cpu.limit, mem.limit
	}
	return requirements(in.settings, cpu, mem, storage), nil
}

// Resources returns the requests and limits of the sidecar by its annotations and the defaults, for
// a pod whose containers all have limits, before they are adapted to the pod. The error is a
// settings.Errors.
func Resources(s *settings.Resolved) (corev1.ResourceRequirements, error) {
	cpu, mem, storage, errs := amounts(s)
	if len(errs) > 0 {
		return corev1.ResourceRequirements{}, errs
	}
	if cpu.limit.IsZero() {
		cpu.limit = limitedCPU
	}
	return requirements(s, cpu, mem, storage), nil
}

// requirements returns the amounts in the form of a container. Those of ephemeral-storage are left
// out where nothing sets them.
func requirements(s *settings.Resolved, cpu, mem, storage amount) corev1.ResourceRequirements {
	r := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{cpu.name: cpu.request, mem.name: mem.request},
		Limits:   corev1.ResourceList{mem.name: mem.limit},
	}
	if !cpu.limit.IsZero() {
		r.Limits[cpu.name] = cpu.limit
	}
	if s.Storage.Request.Given() {
		r.Requests[storage.name] = storage.request
	}
	if s.Storage.Limit.Given() {
		r.Limits[storage.name] = storage.limit
	}
	return r
}

// neededCPULimit returns the sidecar's CPU limit where no annotation sets it: none, unless every
// container of the app has one. Such a pod may be Guaranteed, or in a namespace where a
// ResourceQuota or a policy refuses a container without a limit. Where a container of the app has
// none, nothing of that applies, and a limit would only throttle the pod's start:
// docs/decisions/cpu-limit.md.
func (in *injection) neededCPULimit(request resource.Quantity) (limit resource.Quantity) {
	pod := in.pod.Spec.Resources
	if pod != nil && !pod.Limits.Cpu().IsZero() {
		return limit // the pod's limit holds for all containers together, and satisfies a quota
	}
	for _, c := range in.apps {
		if c.Resources.Limits.Cpu().IsZero() {
			return limit
		}
	}
	limit = limitedCPU
	if pod == nil && isGuaranteed(in.apps) {
		limit = guaranteedCPU
	}
	if request.Cmp(limit) > 0 {
		return request
	}
	return limit
}

// CheckResources checks the requests and limits of the sidecar: quantities above zero, and no
// request above its limit. The error is a settings.Errors.
func CheckResources(s *settings.Resolved) error {
	_, err := Resources(s)
	return err
}

// checkUnused warns about values on the pod itself that would be denied if the pod had a sidecar.
func (in *injection) checkUnused() {
	_, _, _, errs := amounts(in.settings)
	for _, e := range errs {
		if e.Level == settings.Pod {
			in.warn(e.Error())
		}
	}
}

// amounts returns what the annotations and the defaults give. Without an annotation, the limit of
// cpu and both of ephemeral-storage are 0.
func amounts(s *settings.Resolved) (cpu, mem, storage amount, errs settings.Errors) {
	cpu = amount{name: corev1.ResourceCPU, request: defaultCPURequest}
	mem = amount{corev1.ResourceMemory, defaultMemoryRequest, defaultMemoryLimit}
	storage = amount{name: corev1.ResourceEphemeralStorage}
	for _, r := range []struct {
		amount *amount
		given  settings.Resource
	}{{&cpu, s.CPU}, {&mem, s.Memory}, {&storage, s.Storage}} {
		if err := r.amount.set(r.given); err != nil {
			errs = append(errs, err)
		}
	}
	return cpu, mem, storage, errs
}

// set replaces the defaults by the annotations' values. A default that contradicts an annotation is
// adjusted to it.
func (a *amount) set(given settings.Resource) *settings.Error {
	for _, v := range []struct {
		value settings.Value
		to    *resource.Quantity
	}{{given.Request, &a.request}, {given.Limit, &a.limit}} {
		if !v.value.Given() {
			continue
		}
		q, err := resource.ParseQuantity(v.value.Text)
		if err != nil || q.Sign() <= 0 {
			return v.value.Err(`not a positive Kubernetes quantity: use one such as "50m" for cpu or "64Mi" for memory and storage`)
		}
		*v.to = q
	}
	if a.limit.IsZero() || a.request.Cmp(a.limit) <= 0 {
		return nil
	}
	switch {
	case given.Request.Given() && given.Limit.Given():
		return given.Request.Err(fmt.Sprintf("more than the limit of %s in annotation %s%s: lower the request or raise the limit",
			given.Limit.Text, contract.Prefix, given.Limit.Key))
	case given.Request.Given():
		a.limit = a.request
	default:
		a.request = a.limit
	}
	return nil
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
