package checks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/explain"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

// flags returns the flags of the installed webhook, or none: then the defaults apply.
func (f *Facts) flags() install.Flags {
	if f.Installation == nil || f.Installation.Configuration == nil {
		return install.Flags{}
	}
	return f.Installation.Flags()
}

// admit runs the code of admission for a pod. ConfigMaps are not read: what is wrong in them is not
// found. A service account or namespace that could not be read counts as one without annotations.
func (f *Facts) admit(pod *corev1.Pod) (inject.Result, string) {
	flags := f.flags()
	config := flags.Admission(flags.Options(f.Installation != nil && f.Installation.Original, f.Major, f.Minor, "sidecar"))
	config.ServiceAccount = func(_ context.Context, namespace, name string) (map[string]string, error) {
		account, ok := f.Accounts[namespace+"/"+name]
		if !ok && f.AccountsErr == nil {
			return nil, &annotations.NotFoundError{Kind: "service account", Namespace: namespace, Name: name}
		}
		return account, nil
	}
	config.Namespace = func(_ context.Context, _, name string) (map[string]string, error) {
		return f.namespaceAnnotations(name), nil
	}
	result, denied, err := config.DryRun(context.Background(), pod)
	if err != nil {
		return inject.Result{}, err.Error() // nothing is read, so it is about the pod
	}
	return result, denied
}

// namespaceAnnotations are those that admission sees; none if the namespace could not be read.
func (f *Facts) namespaceAnnotations(name string) map[string]string {
	n := f.Namespaces[name]
	if n == nil {
		return nil
	}
	return explain.NamespaceAnnotations(n.Annotations, n.Labels)
}

// getsSidecar reports whether admission would add the sidecar to a pod, or would deny the pod
// although it requests certificates.
func (f *Facts) getsSidecar(pod *corev1.Pod) bool {
	result, denied := f.admit(pod)
	return result.Sidecar || denied != "" && requestsCertificates(f.sources(pod))
}

func (f *Facts) sources(pod *corev1.Pod) settings.Sources {
	return settings.Sources{
		Pod: pod.Annotations, ServiceAccount: f.Accounts[pod.Namespace+"/"+cmp.Or(pod.Spec.ServiceAccountName, "default")],
		Namespace: f.namespaceAnnotations(pod.Namespace), Chart: f.flags().Defaults(),
	}
}

// requestsCertificates reports whether a level names certificates, and none switches them off.
func requestsCertificates(s settings.Sources) bool {
	requested := false
	for _, v := range settings.InForce(s) {
		switch v.Key {
		case contract.KeyCertificates, contract.KeySettings, contract.KeySettingsConfigMap:
			requested = true
		case contract.KeyInject:
			if inject, ok := contract.ParseBool(v.Text); ok && !inject {
				return false
			}
		}
	}
	return requested
}

// denials finds running pods that the webhook would not admit again.
func denials(f *Facts, r *Result) {
	if err := errors.Join(f.PodsErr, f.NamespacesErr); err != nil {
		r.skip(err)
		return
	}
	if f.AccountsErr != nil {
		r.skipPart("annotations of service accounts", f.AccountsErr)
	}
	byReason := map[string][]string{}
	for i := range f.Pods {
		pod := &f.Pods[i]
		if !f.counts(pod) || f.Installation != nil && f.Installation.Configuration != nil && !f.reviewed(pod) {
			continue
		}
		if _, denied := f.admit(pod); denied != "" {
			byReason[denied] = append(byReason[denied], pod.Namespace+"/"+pod.Name)
		}
	}
	for _, reason := range sortedKeys(byReason) {
		r.add(Warning, "%s: %s", listed(byReason[reason], "pod is denied when it is recreated", "pods are denied when they are recreated"),
			strings.Join(strings.Fields(reason), " "))
	}
	if len(byReason) == 0 {
		r.add(OK, "%s with the label: the webhook admits each again", plural(len(f.Pods), "pod"))
	}
}

// skipPart reports that a part of a check could not be done.
func (r *Result) skipPart(part string, err error) {
	r.add(Skipped, "%s", fmt.Sprintf("not checked: %s: %v", part, err))
}
