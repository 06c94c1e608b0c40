package framework

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// RedirectNames lets the pods of a namespace resolve the hosts of Entra ID and of these vaults to
// the emulator, by an admission policy. So manifests that are meant for Azure run unchanged. The
// function that it returns removes the policy.
func (e *Environment) RedirectNames(ctx context.Context, namespace string, vaults ...string) (remove func(context.Context) error, err error) {
	name := "e2e-names-" + namespace
	hosts := append([]string{"login.microsoftonline.com"}, vaults...)
	err = e.apply(ctx, "names.yaml", map[string]any{"Name": name, "Namespace": namespace, "AzureIP": e.AzureIP, "Hosts": hosts})
	if err != nil {
		return nil, err
	}
	remove = func(ctx context.Context) error {
		policies := e.Client.AdmissionregistrationV1()
		return errors.Join(
			policies.MutatingAdmissionPolicyBindings().Delete(ctx, name, metav1.DeleteOptions{}),
			policies.MutatingAdmissionPolicies().Delete(ctx, name, metav1.DeleteOptions{}))
	}
	// The API server learns of a policy a moment later. The policy also applies to this pod.
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "probe"}}},
	}
	return remove, wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		admitted, err := e.Admit(ctx, pod)
		return err == nil && len(admitted.Pod.Spec.HostAliases) > 0, err
	})
}
