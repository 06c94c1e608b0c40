package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// fitPod fits an amount into the pod's spec.resources, which bounds the limit of each container and
// the sum of the requests. A request that does not fit becomes what is left, down to 0: the pod's
// own request covers it. The API server has already set the pod's requests: where the pod has only
// a limit, to the sum of its containers' requests, or else to the limit.
//
// Source:
// https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#pod-level-resource-specification
func (in *injection) fitPod(a *amount) {
	podLimit, limited := in.pod.Spec.Resources.Limits[a.name]
	if limited && a.limit.Cmp(podLimit) > 0 {
		in.warn(fmt.Sprintf("the sidecar's %s limit is reduced from %s to the pod's limit, %s", a.name, a.limit.String(), podLimit.String()))
		a.limit = podLimit
	}
	if !a.limit.IsZero() && a.request.Cmp(a.limit) > 0 {
		a.request = a.limit
	}
	total, requested := in.pod.Spec.Resources.Requests[a.name]
	if !requested {
		return
	}
	free := total.DeepCopy()
	free.Sub(requestsOf(in.apps, a.name))
	if free.Sign() < 0 {
		free = resource.Quantity{Format: free.Format}
	}
	if a.request.Cmp(free) > 0 {
		a.request = free
	}
}

// requestsOf returns the most that containers request at one time: all main containers and native
// sidecars together, or one init container with the native sidecars before it.
func requestsOf(apps []*container, name corev1.ResourceName) resource.Quantity {
	var sum, before, peak resource.Quantity
	for _, c := range apps {
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
