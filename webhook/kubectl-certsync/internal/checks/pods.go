package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

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
	if f.AccountsErr != nil {
		r.skipPart("certificates that are requested by service accounts", f.AccountsErr)
	}
	var names []string
	for i := range f.Pods {
		if pod := &f.Pods[i]; f.counts(pod) && !fleet.Injected(pod) && f.reviewed(pod) && f.getsSidecar(pod) {
			names = append(names, pod.Namespace+"/"+pod.Name)
		}
	}
	if len(names) == 0 {
		r.add(OK, "every pod that requests certificates or the metadata endpoint has the sidecar (%s with the label)", plural(len(f.Pods), "pod"))
		return
	}
	why := "created while the webhook was not installed or did not respond, or before they requested it"
	if len(f.Installation.Webhook.MatchConditions) > 0 {
		why += ", or excluded by the webhook's matchConditions, which this check does not evaluate"
	}
	r.add(Warning, "%s: %s; recreate them (kubectl certsync doctor POD shows why)",
		listed(names, "pod should have the sidecar and has none", "pods should have the sidecar and have none"), why)
}

// counts reports whether a pod is one that could be created again: it has not ended, is not being
// deleted, and is not the copy of a static pod.
func (f *Facts) counts(pod *corev1.Pod) bool {
	_, static := pod.Annotations[corev1.MirrorPodAnnotationKey]
	return !fleet.Finished(pod) && pod.DeletionTimestamp == nil && !static
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
		if c := fleet.Sidecar(pod); c != nil && f.counts(pod) && c.Image != image {
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
