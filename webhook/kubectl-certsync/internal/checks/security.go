package checks

import (
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
)

// podSecurity finds pods that their namespace refuses when they are recreated, by the code of the
// API server, and pods whose metadata endpoint then has another form. The sidecar itself satisfies
// every level. What the API server is configured to exempt, or to enforce by default, is not known.
func podSecurity(f *Facts, r *Result) {
	if err := errors.Join(f.PodsErr, f.NamespacesErr); err != nil {
		r.skip(err)
		return
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		r.skip(err)
		return
	}
	refused := map[string][]string{} // pods by message
	for i := range f.Pods {
		pod := &f.Pods[i]
		namespace := f.Namespaces[pod.Namespace]
		if namespace == nil || !f.counts(pod) {
			continue
		}
		// An invalid label counts as the strictest level, as in the API server.
		privileged := api.LevelVersion{Level: api.LevelPrivileged, Version: api.LatestVersion()}
		levels, _ := api.PolicyToEvaluate(namespace.Labels, api.Policy{Enforce: privileged, Audit: privileged, Warn: privileged})
		spec := withoutAddress(&pod.Spec)
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(levels.Enforce, &pod.ObjectMeta, spec))
		if !result.Allowed {
			text := "namespace " + pod.Namespace + " enforces Pod Security \"" + string(levels.Enforce.Level) + "\": " + result.ForbiddenReason()
			refused[text] = append(refused[text], pod.Namespace+"/"+pod.Name)
		}
		endpointForm(r, pod, levels, len(spec.InitContainers) < len(pod.Spec.InitContainers))
	}
	for _, text := range sortedKeys(refused) {
		r.add(Warning, "%s: %s", listed(refused[text], "pod is refused when it is recreated", "pods are refused when they are recreated"), text)
	}
	if r.Severity == "" {
		r.add(OK, "the namespaces of labelled pods allow the pods and the sidecar (it satisfies the level \"restricted\")")
	}
}

// withoutAddress returns a spec without the init container that adds the address of the metadata
// service: the webhook adds it only where the namespace allows it.
func withoutAddress(spec *corev1.PodSpec) *corev1.PodSpec {
	without := *spec
	without.InitContainers = slices.DeleteFunc(slices.Clone(spec.InitContainers), func(c corev1.Container) bool {
		return c.Name == contract.IMDSContainerName
	})
	return &without
}

// endpointForm compares the form of a pod's metadata endpoint with the one that it gets when it is
// recreated.
func endpointForm(r *Result, pod *corev1.Pod, levels api.Policy, hasAddress bool) {
	name := pod.Namespace + "/" + pod.Name
	privileged := levels.Enforce.Level == api.LevelPrivileged
	switch {
	case hasAddress && !privileged:
		r.add(Warning, "namespace %s enforces %q since pod %s was created: when it is recreated, its metadata endpoint moves from 169.254.169.254 to 127.0.0.1",
			pod.Namespace, levels.Enforce.Level, name)
	case hasAddress && levels.Warn.Level != api.LevelPrivileged:
		r.add(Info, "namespace %s warns about Pod Security %q: the API server prints warnings about container %s of pod %s, and admits it",
			pod.Namespace, levels.Warn.Level, contract.IMDSContainerName, name)
	case !hasAddress && privileged && servesEndpoint(pod):
		r.add(Info, "namespace %s allows the address of the metadata service since pod %s was created: when it is recreated, its metadata "+
			"endpoint moves from 127.0.0.1 to 169.254.169.254", pod.Namespace, name)
	}
}

// servesEndpoint reports whether the sidecar of a pod serves the metadata endpoint.
func servesEndpoint(pod *corev1.Pod) bool {
	c := fleet.Sidecar(pod)
	return c != nil && slices.ContainsFunc(c.Args, func(arg string) bool { return strings.HasPrefix(arg, "--"+contract.FlagMetadata+"=") })
}
