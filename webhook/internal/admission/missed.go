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

// Missed reports whether a pod that exists was created without the webhook: it would be refused, and why, or would get
// what it has no trace of. A pod with the identity that the webhook injects has been seen: what it is denied, or lacks, came
// with a later change of annotations. The error says why it could not be found out.
func (c *Config) Missed(ctx context.Context, pod *corev1.Pod) (missed bool, refusal string, err error) {
	hasIdentity := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return strings.HasPrefix(v.Name, contract.IdentityVolumePrefix)
	})
	options := *c.Options()
	if hasIdentity && options.InjectIdentity {
		return false, "", nil
	}
	options.Mark = false // the mark alone is nothing that the pod lacks
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
