package admission

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// DryRun returns what admission would do with a pod. If the pod would be denied, denied is the
// reason. The error is about what admission reads.
func (c *Config) DryRun(ctx context.Context, pod *corev1.Pod) (r inject.Result, denied string, err error) {
	r, err = c.mutate(ctx, pod)
	var d *denial
	if errors.As(err, &d) {
		return inject.Result{}, d.Error(), nil
	}
	return r, "", err
}
