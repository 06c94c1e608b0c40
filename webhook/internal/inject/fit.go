package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// fit makes an amount fit into the pod's spec.resources, which bounds each container's limit and the sum of the
// requests. A request that finds no room becomes 0: the pod's own request covers it. The API server has filled in the
// pod's requests before: where only a limit is given, with what its containers request, or else with the limit.
//
// Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#pod-level-resource-specification
func (p *pass) fit(a *amount) {
	podLimit, limited := p.pod.Spec.Resources.Limits[a.name]
	if limited && a.limit.Cmp(podLimit) > 0 {
		p.warn(fmt.Sprintf("the sidecar's %s limit of %s is cut to the pod's, %s", a.name, a.limit.String(), podLimit.String()))
		a.limit = podLimit
	}
	if a.request.Cmp(a.limit) > 0 {
		a.request = a.limit
	}
	total, requested := p.pod.Spec.Resources.Requests[a.name]
	if !requested {
		return
	}
	free := total.DeepCopy()
	free.Sub(p.requested(a.name))
	if free.Sign() < 0 {
		free = resource.Quantity{Format: free.Format}
	}
	if a.request.Cmp(free) > 0 {
		a.request = free
	}
}

// requested returns what the other containers request at most at one time: all containers and native sidecars
// together, or one init container with the native sidecars before it.
func (p *pass) requested(name corev1.ResourceName) resource.Quantity {
	var sum, before, peak resource.Quantity
	for i := range p.apps {
		c := &p.apps[i]
		request := c.Resources.Requests[name]
		switch {
		case c.list == mainContainers:
			sum.Add(request)
		case c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways:
			sum.Add(request)
			before.Add(request)
		default:
			request = request.DeepCopy()
			request.Add(before)
			if request.Cmp(peak) > 0 {
				peak = request
			}
		}
	}
	if peak.Cmp(sum) > 0 {
		return peak
	}
	return sum
}
