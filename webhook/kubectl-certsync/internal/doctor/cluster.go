package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/explain"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
)

func label(f *Facts) Link {
	if f.Pod.Labels[contract.LabelUse] == "true" {
		return ok("the pod has the label %s: \"true\"", contract.LabelUse)
	}
	fix := fmt.Sprintf("add the label %s: \"true\" to the pod and create it again", contract.LabelUse)
	if kind, name := controller(f.Pod); kind != "" {
		fix = fmt.Sprintf(`kubectl patch %s %s --namespace %s --type merge --patch '{"spec":{"template":{"metadata":{"labels":{"%s":"true"}}}}}'`,
			kind, name, f.Pod.Namespace, contract.LabelUse)
	}
	return broken(fix, "the pod does not have the label %s: \"true\", so the webhook did not receive it", contract.LabelUse)
}

func webhook(f *Facts) Link {
	if fleet.Injected(f.Pod) {
		return ok("the webhook added the sidecar, with settings from %s",
			cmp.Or(f.Pod.Annotations[contract.Prefix+contract.KeySettingsSource], "an unknown source"))
	}
	hasIdentity := slices.ContainsFunc(f.Pod.Spec.Volumes, func(v corev1.Volume) bool {
		return strings.HasPrefix(v.Name, contract.IdentityVolumePrefix)
	})
	if !f.requestsCertificates() && (hasIdentity || f.installed()) {
		return broken(fmt.Sprintf("set the annotation %s%s on the pod (or its template), its service account or its namespace",
			contract.Prefix, contract.KeyCertificates), "the pod requests no certificates, so it has no sidecar")
	}
	if f.notInstalled() {
		return broken("helm install azure-cert-sync charts/azure-cert-sync --namespace azure-cert-sync-system --create-namespace",
			"the pod has no sidecar: %v", f.InstallErr)
	}
	if f.installed() && f.Namespace != nil {
		if reviewed, reason := f.Installation.Reviews(f.Pod.Labels, f.Namespace); !reviewed {
			return broken("change the selector (chart values webhook.excludedNamespaces, webhook.namespaceSelector, webhook.objectSelector), "+
				"or move the pod to another namespace", "the API server did not send the pod to the webhook: %s", reason)
		}
	}
	if f.installed() {
		switch result, denied := f.admit(); {
		case denied != "":
			return broken("correct what the message names, and create the pod again",
				"the pod has no sidecar, and the webhook would deny it now: %s", denied)
		case !result.Sidecar && f.switchedOff() != "":
			return broken("remove the annotation, and create the pod again", "certificates are switched off by the annotation %s%s on the %s",
				contract.Prefix, contract.KeyInject, f.switchedOff())
		case !result.Sidecar && len(result.Warnings) > 0: // a Windows pod, or a static one
			return broken("let the pod get its certificates in another way", "%s", result.Warnings[len(result.Warnings)-1])
		}
	}
	switch {
	case f.installed() && f.Pod.CreationTimestamp.Before(&f.Installation.Configuration.CreationTimestamp):
		return broken(f.recreate(), "the pod is older than the webhook")
	case f.installed():
		return broken(f.recreate(), "the pod has no sidecar, although the webhook is installed: the webhook did not respond when the pod was "+
			"created, or the request for certificates is newer than the pod")
	}
	return broken(f.recreate(), "the pod has no sidecar, and the webhook's configuration cannot be read: %v", f.InstallErr)
}

// admit runs the code of admission for the pod. What could not be read counts as an object without
// annotations; ConfigMaps are not read. The version of Kubernetes decides only where the sidecar is
// added.
func (f *Facts) admit() (inject.Result, string) {
	flags := f.Installation.Flags()
	config := flags.Admission(flags.Options(f.Installation.Original, 1, assumedMinor, "sidecar"))
	config.ServiceAccount = func(context.Context, string, string) (map[string]string, error) {
		if f.Account == nil {
			return nil, nil
		}
		return f.Account.Annotations, nil
	}
	config.Namespace = func(context.Context, string, string) (map[string]string, error) {
		return explain.NamespaceAnnotations(f.Annotations, f.Namespace), nil
	}
	result, denied, err := config.DryRun(context.Background(), f.Pod)
	if err != nil {
		return inject.Result{}, err.Error() // nothing is read, so it is about the pod
	}
	return result, denied
}

// assumedMinor is a minor version of Kubernetes with native sidecars.
const assumedMinor = 32

// requestsCertificates reports whether any level names certificates. What could not be read counts
// as a request.
func (f *Facts) requestsCertificates() bool {
	in := settings.InForce(f.sources())
	return slices.ContainsFunc(in, func(v settings.Value) bool {
		return v.Key == contract.KeyCertificates || v.Key == contract.KeySettings || v.Key == contract.KeySettingsConfigMap
	}) || f.AccountErr != nil || f.Namespace == nil
}

// switchedOff returns the level of the annotation inject if it is false, or "".
func (f *Facts) switchedOff() string {
	for _, v := range settings.InForce(f.sources()) {
		if inject, ok := contract.ParseBool(v.Text); v.Key == contract.KeyInject && ok && !inject {
			return v.Level.String()
		}
	}
	return ""
}

func (f *Facts) sources() settings.Sources {
	s := settings.Sources{Pod: f.Pod.Annotations, Namespace: f.Annotations}
	if f.Account != nil {
		s.ServiceAccount = f.Account.Annotations
	}
	if f.installed() {
		s.Chart = f.Installation.Flags().Defaults()
	}
	return s
}

func serviceAccount(f *Facts) Link {
	name := f.Pod.Namespace + "/" + f.account()
	if f.managedIdentity() {
		return ok("the sidecar uses the managed identity of the node (credential %s)", contract.CredentialManagedIdentity)
	}
	annotate := fmt.Sprintf("kubectl annotate serviceaccount %s --namespace %s --overwrite %s=<client ID>",
		f.account(), f.Pod.Namespace, contract.AnnotationClientID)
	used := f.variable(contract.EnvClientID)
	switch {
	case f.AccountErr != nil:
		return unknown("%v", f.AccountErr)
	case f.Account == nil:
		return broken(fmt.Sprintf("kubectl create serviceaccount %s --namespace %s", f.account(), f.Pod.Namespace),
			"service account %s does not exist", name)
	}
	clientID := strings.TrimSpace(f.Account.Annotations[contract.AnnotationClientID])
	switch {
	case clientID == "":
		return broken(annotate, "service account %s does not have the annotation %s, so no token can be issued; recreate the pod after the change",
			name, contract.AnnotationClientID)
	case !contract.IsGUID(clientID):
		return broken(annotate, "the annotation %s on service account %s is not a GUID: %q; recreate the pod after the change",
			contract.AnnotationClientID, name, clientID)
	case used != "" && used != clientID:
		return broken(f.recreate(), "the pod was created with the client ID %s, but service account %s has %s now", used, name, clientID)
	}
	return ok("service account %s acts as client ID %s", name, clientID)
}

func token(f *Facts) Link {
	if f.Status.Denied {
		return unknown("%s", f.Status.Unreachable)
	}
	if f.Status.Unreachable != "" {
		return broken(fmt.Sprintf("kubectl describe pod %s --namespace %s", f.Pod.Name, f.Pod.Namespace),
			"the sidecar cannot be queried: %s", f.Status.Unreachable)
	}
	if failure := f.failure(contract.ReasonNoTokenFile); failure != nil {
		return broken(f.recreate(), "%s", failure.Message)
	}
	if f.managedIdentity() {
		return ok("no service-account token is needed")
	}
	return ok("the kubelet provides a service-account token with the audience %s", f.audience())
}

// failure returns the first failure with one of the reasons, or nil.
func (f *Facts) failure(reasons ...string) *contract.Failure {
	if c := f.failing(reasons...); c != nil {
		return c.Failure
	}
	return nil
}

// failing returns the first certificate that failed for one of the reasons, or nil.
func (f *Facts) failing(reasons ...string) *contract.CertificateStatus {
	if f.Status.Status == nil {
		return nil
	}
	for i := range f.Status.Status.Certificates {
		if c := &f.Status.Status.Certificates[i]; c.Failure != nil && slices.Contains(reasons, c.Failure.Reason) {
			return c
		}
	}
	return nil
}

// recreate returns the command that creates the pod again.
func (f *Facts) recreate() string {
	if kind, name := controller(f.Pod); kind != "" {
		return fmt.Sprintf("kubectl rollout restart %s %s --namespace %s", kind, name, f.Pod.Namespace)
	}
	if metav1.GetControllerOf(f.Pod) != nil {
		return fmt.Sprintf("kubectl delete pod %s --namespace %s", f.Pod.Name, f.Pod.Namespace)
	}
	return "delete the pod and create it again from its manifest"
}

// controller returns the controller whose template the pod comes from, if kubectl can restart it.
func controller(pod *corev1.Pod) (kind, name string) {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return "", ""
	}
	switch hash := pod.Labels["pod-template-hash"]; {
	case owner.Kind == "ReplicaSet" && hash != "" && strings.HasSuffix(owner.Name, "-"+hash):
		return "deployment", strings.TrimSuffix(owner.Name, "-"+hash)
	case owner.Kind == "StatefulSet", owner.Kind == "DaemonSet":
		return strings.ToLower(owner.Kind), owner.Name
	}
	return "", ""
}
