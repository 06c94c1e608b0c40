package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

// Version is the number of programs that run with a version. If they cannot be queried, Version is
// empty, and Unknown is the reason.
type Version struct {
	Version string `json:"version,omitempty"`
	Unknown string `json:"unknown,omitempty"`
	Count   int    `json:"count"`
}

// String returns a line for people. What is the name of one program.
func (v Version) String(what string) string {
	if v.Count != 1 {
		what += "s"
	}
	if v.Version == "" {
		return fmt.Sprintf("unknown, %d %s: %s", v.Count, what, v.Unknown)
	}
	return fmt.Sprintf("%s, %d %s", v.Version, v.Count, what)
}

// SidecarVersions returns the versions in a fleet, the most frequent first.
func SidecarVersions(pods []Pod) []Version {
	return count(pods, func(p Pod) (string, string) {
		if p.Status == nil {
			return "", p.Unreachable
		}
		return p.Status.SidecarVersion, ""
	})
}

// webhookProgram is the path of the program in the webhook's image.
const webhookProgram = "/webhook"

// WebhookVersions returns the versions of the webhook's replicas, the most frequent first.
func WebhookVersions(ctx context.Context, e Executor, replicas []corev1.Pod) []Version {
	return count(replicas, func(pod corev1.Pod) (version, unknown string) {
		container := install.Container(&pod.Spec)
		switch {
		case container == nil:
			return "", "the pod has no container of the webhook"
		case pod.Status.Phase != corev1.PodRunning:
			return "", pendingReason(&pod)
		}
		ctx, cancel := context.WithTimeout(ctx, queryTime)
		defer cancel()
		out, err := e.Exec(ctx, &pod, container.Name, webhookProgram, "--version")
		if err != nil {
			return "", err.Error()
		}
		return strings.TrimSpace(strings.TrimPrefix(string(out), "webhook ")), ""
	})
}

func count[T any](programs []T, query func(T) (version, unknown string)) (list []Version) {
	for _, p := range programs {
		version, unknown := query(p)
		i := slices.IndexFunc(list, func(v Version) bool { return v.Version == version && v.Unknown == unknown })
		if i < 0 {
			list, i = append(list, Version{Version: version, Unknown: unknown}), len(list)
		}
		list[i].Count++
	}
	slices.SortStableFunc(list, func(a, b Version) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Version+a.Unknown, b.Version+b.Unknown))
	})
	return list
}
