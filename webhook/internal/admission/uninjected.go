package admission

import (
	"context"
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// Uninjected reports whether an existing pod was created without the webhook: admission would deny
// it, for the returned reason, or would inject something that the pod does not have. A pod that has
// an injected identity passed the webhook: if admission would deny or change it now, its
// annotations changed later.
func (c *Config) Uninjected(ctx context.Context, pod *corev1.Pod) (uninjected bool, denialReason string, err error) {
	hasIdentity := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return strings.HasPrefix(v.Name, contract.IdentityVolumePrefix)
	})
	options := *c.Options()
	if hasIdentity && options.InjectIdentity {
		return false, "", nil
	}
	options.Mark = false // a pod that only lacks the mark is not uninjected
	unmarked := *c
	unmarked.Options = func() *inject.Options { return &options }
	r, err := unmarked.mutate(ctx, pod)
	var d *denial
	switch {
	case errors.As(err, &d):
		return true, d.Error(), nil
	case err != nil:
		return false, "", err
	case len(r.Patch) == 0:
		return false, "", nil
	}
	return r.Sidecar || !hasIdentity, "", nil
}
