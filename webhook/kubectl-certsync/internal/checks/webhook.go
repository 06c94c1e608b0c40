package checks

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

func installed(f *Facts, r *Result) {
	switch {
	case errors.Is(f.InstallErr, install.ErrNotInstalled):
		r.add(Error, "%v", f.InstallErr)
	case f.InstallErr != nil:
		r.skip(f.InstallErr)
	case f.Installation.Webhook.FailurePolicy != nil && *f.Installation.Webhook.FailurePolicy == admissionregistrationv1.Ignore:
		r.add(Info, "%s is installed with failurePolicy Ignore: pods are created without certificates while no replica responds", f.Installation.Configuration.Name)
	default:
		r.add(OK, "%s is installed", f.Installation.Configuration.Name)
	}
	if in := f.Installation; in != nil && len(in.Others) > 0 {
		r.add(Warning, "the webhook is installed more than once, also as %s: each pod is sent to all of them, and the checks look at %s only: uninstall "+
			"all releases but one", strings.Join(in.Others, ", "), in.Configuration.Name)
	}
}

// present reports whether the installation could be read; if not, it skips the check.
func (f *Facts) present(r *Result) bool {
	switch {
	case errors.Is(f.InstallErr, install.ErrNotInstalled):
		r.add(Skipped, "not checked: the webhook is not installed")
	case f.InstallErr != nil:
		r.skip(f.InstallErr)
	}
	return f.InstallErr == nil
}

func replicas(f *Facts, r *Result) {
	if !f.present(r) {
		return
	}
	d := f.Installation.Deployment
	switch {
	case d == nil && f.Installation.Namespace() == "":
		r.add(Skipped, "not checked: %s has a URL, so the webhook runs outside of the cluster", f.Installation.Configuration.Name)
		return
	case d == nil:
		r.add(Error, "the webhook's Deployment does not exist in namespace %q: install the chart again", f.Installation.Namespace())
		return
	}
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	name := d.Namespace + "/" + d.Name
	switch have := d.Status.ReadyReplicas; {
	case wanted == 0:
		r.add(Error, "%s is scaled to zero, so labelled pods cannot be created: kubectl scale --namespace %s deployment/%s --replicas 2", name, d.Namespace, d.Name)
	case have == 0:
		r.add(Error, "no replica of %s is ready, so labelled pods cannot be created: kubectl logs --namespace %s deployment/%s", name, d.Namespace, d.Name)
	case have < wanted:
		r.add(Warning, "%d of %d replicas of %s are ready: kubectl describe pods --namespace %s", have, wanted, name, d.Namespace)
	case wanted == 1:
		r.add(Warning, "%s has one replica: labelled pods cannot be created while it restarts; set webhook.replicas to 2 or more", name)
	default:
		r.add(OK, "all %d replicas of %s are ready", wanted, name)
	}
}

// expiryWarning is the time before the expiry of a certificate at which a check warns. The webhook
// renews its certificate a month before.
const expiryWarning = 7 * 24 * time.Hour

func caBundle(f *Facts, r *Result) {
	if !f.present(r) {
		return
	}
	cas, err := parsePEM(f.Installation.Webhook.ClientConfig.CABundle)
	switch {
	case err != nil:
		r.add(Error, "the caBundle of %s cannot be used: %v", f.Installation.Configuration.Name, err)
		return
	case len(cas) == 0 && f.Installation.Namespace() == "":
		r.add(Info, "the caBundle of %s is empty: the API server verifies the webhook's URL by its system's CAs", f.Installation.Configuration.Name)
		return
	case len(cas) == 0:
		r.add(Error, "the caBundle of %s is empty, so the API server cannot verify the webhook: check the webhook's log", f.Installation.Configuration.Name)
		return
	}
	valid := slices.DeleteFunc(cas, func(c *x509.Certificate) bool { return c.NotAfter.Before(f.Now) })
	if len(valid) == 0 {
		r.add(Error, "every CA in the caBundle of %s has expired", f.Installation.Configuration.Name)
		return
	}
	last := slices.MaxFunc(valid, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	severity := OK
	if last.NotAfter.Sub(f.Now) < expiryWarning {
		severity = Warning
	}
	r.add(severity, "the caBundle has %d valid CA(s), until %s", len(valid), last.NotAfter.UTC().Format(time.RFC3339))
}

func parsePEM(data []byte) (list []*x509.Certificate, err error) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return list, nil
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
		data = rest
	}
}

func servingCertificate(f *Facts, r *Result) {
	if !f.present(r) {
		return
	}
	if len(f.Handshakes) == 0 {
		r.add(Skipped, "not checked: no replica is ready")
		return
	}
	for _, h := range f.Handshakes {
		var access *cluster.AccessError
		switch {
		case errors.As(h.Err, &access):
			r.skip(h.Err)
		case isVerification(h.Err):
			r.add(Error, "replica %s serves a certificate that the caBundle does not verify: %v", h.Pod, h.Err)
		case h.Err != nil:
			r.add(Warning, "replica %s cannot be reached through the API server: %v", h.Pod, h.Err)
		case h.Leaf.NotAfter.Sub(f.Now) < expiryWarning:
			r.add(Warning, "replica %s serves a certificate that expires at %s and was not renewed: check its log", h.Pod, h.Leaf.NotAfter.UTC().Format(time.RFC3339))
		default:
			r.add(OK, "replica %s serves a certificate that the caBundle verifies, until %s", h.Pod, h.Leaf.NotAfter.UTC().Format(time.RFC3339))
		}
	}
}

func isVerification(err error) bool {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// chartExpressions are the expressions of the chart's namespaceSelector, as the API server formats
// them. The first leaves out namespaces by name. The others are those that AKS's admissions
// enforcer requires.
var chartExpressions = []string{"kubernetes.io/metadata.name notin", "control-plane notin (true)", "kubernetes.azure.com/managedby notin (aks)"}

// selectors shows what the namespaceSelector leaves out. On AKS, the admissions enforcer adds
// expressions to it, unless the annotation admissions.enforcer/disabled is set.
//
// Source:
// https://learn.microsoft.com/azure/aks/faq#can-admission-controller-webhooks-impact-kube-system-and-internal-aks-namespaces
func selectors(f *Facts, r *Result) {
	if !f.present(r) {
		return
	}
	var foreign []string
	if s := f.Installation.Webhook.NamespaceSelector; s != nil {
		for _, e := range s.MatchExpressions {
			text := metav1.FormatLabelSelector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{e}})
			if !slices.ContainsFunc(chartExpressions, func(own string) bool { return strings.HasPrefix(text, own) }) {
				foreign = append(foreign, text)
			}
		}
	}
	if len(foreign) > 0 {
		r.add(Info, "the namespaceSelector also requires %s: from the chart's webhook.namespaceSelector, or added by AKS (admissions enforcer)",
			strings.Join(foreign, " and "))
	}
	if err := errors.Join(f.PodsErr, f.NamespacesErr); err != nil {
		r.skip(err)
		return
	}
	count := map[string]int{}
	for i := range f.Pods {
		if pod := &f.Pods[i]; !f.reviewed(pod) {
			count[pod.Namespace]++
		}
	}
	for _, namespace := range sortedKeys(count) {
		r.add(Warning, "namespace %s has %s with the label, but the webhook's selectors leave them out", namespace, plural(count[namespace], "pod"))
	}
	if r.Severity == "" {
		r.add(OK, "the webhook's selectors match every pod with the label")
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
