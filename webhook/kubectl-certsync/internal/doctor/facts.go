package doctor

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/fleet"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

// Facts are what Diagnose decides by.
type Facts struct {
	Pod *corev1.Pod
	// Account is nil if it does not exist, or could not be read for the reason AccountErr.
	Account    *corev1.ServiceAccount
	AccountErr error
	// Namespace are the labels of the namespace, Annotations its annotations. Both are nil if they
	// could not be read.
	Namespace, Annotations map[string]string
	// Installation is incomplete with InstallErr.
	Installation *install.Installation
	InstallErr   error
	// Status is what the sidecar reports.
	Status fleet.Pod
	// Issuer is empty if the API server does not show it.
	Issuer string
}

// Gather reads the facts about a pod. What cannot be read is part of the facts.
func Gather(ctx context.Context, c *cluster.Client, pod *corev1.Pod) (*Facts, error) {
	f := &Facts{Pod: pod, Status: fleet.Query(ctx, c, pod, false)}
	account, err := c.CoreV1().ServiceAccounts(pod.Namespace).Get(ctx, f.account(), metav1.GetOptions{})
	switch {
	case err == nil:
		f.Account = account
	case !apierrors.IsNotFound(err):
		f.AccountErr = cluster.Explain(err, "read service account "+f.account(), "serviceaccounts", pod.Namespace)
	}
	if namespace, err := c.CoreV1().Namespaces().Get(ctx, pod.Namespace, metav1.GetOptions{}); err == nil {
		f.Namespace, f.Annotations = namespace.Labels, namespace.Annotations
	}
	f.Installation, f.InstallErr = install.Find(ctx, c)
	f.Issuer, _ = c.Issuer(ctx) // without it, the fix has a command that finds it
	return f, ctx.Err()
}

// account returns the name of the pod's service account.
func (f *Facts) account() string {
	if name := f.Pod.Spec.ServiceAccountName; name != "" {
		return name
	}
	return "default"
}

// variable returns a variable of the sidecar's container.
func (f *Facts) variable(name string) string {
	if c := fleet.Sidecar(f.Pod); c != nil {
		for _, v := range c.Env {
			if v.Name == name {
				return v.Value
			}
		}
	}
	return ""
}

// managedIdentity reports whether the sidecar uses the machine's identity.
func (f *Facts) managedIdentity() bool {
	s, err := contract.Parse([]byte(f.variable(contract.EnvSettings)))
	return err == nil && s.Authentication.Credential == contract.CredentialManagedIdentity
}

// audience returns the audience of the sidecar's token.
func (f *Facts) audience() string {
	for _, v := range f.Pod.Spec.Volumes {
		if v.Name != contract.TokenVolumeName || v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				return s.ServiceAccountToken.Audience
			}
		}
	}
	return ""
}

// installed reports whether the webhook's configuration is known.
func (f *Facts) installed() bool { return f.Installation != nil && f.Installation.Configuration != nil }

// notInstalled reports whether the webhook is known to be missing.
func (f *Facts) notInstalled() bool { return errors.Is(f.InstallErr, install.ErrNotInstalled) }
