package checks

import (
	"net/url"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// minMinor is the oldest minor version of Kubernetes that the chart supports.
const minMinor = 27

func kubernetesVersion(f *Facts, r *Result) {
	switch native := inject.NativeSupportOf(f.Major, f.Minor); {
	case f.Major == 1 && f.Minor < minMinor:
		r.add(Error, "Kubernetes %d.%d is too old: upgrade the cluster to 1.%d or later", f.Major, f.Minor, minMinor)
	case native == inject.NativeDefault:
		r.add(OK, "Kubernetes %d.%d: the sidecar is a native one", f.Major, f.Minor)
	case native == inject.NativeOnRequest:
		r.add(Info, "Kubernetes %d.%d: native sidecars are used only with the annotation native-sidecar: \"true\"; from 1.32 they are the default",
			f.Major, f.Minor)
	default:
		r.add(Warning, "Kubernetes %d.%d does not have native sidecars: Jobs get their certificates once and no renewals; upgrade to 1.32 or later",
			f.Major, f.Minor)
	}
}

func permissions(f *Facts, r *Result) {
	switch {
	case f.DeniedErr != nil:
		r.skip(f.DeniedErr)
	case len(f.Denied) > 0:
		r.add(Error, "you are not allowed to %s, which the chart needs: let a cluster administrator install it", strings.Join(f.Denied, ", "))
	default:
		r.add(OK, "you may create everything that the chart contains")
	}
}

// issuer checks that Entra ID can reach the issuer. Clusters without the OIDC issuer feature have a
// cluster-internal name.
//
// Source: https://learn.microsoft.com/azure/aks/use-oidc-issuer
func issuer(f *Facts, r *Result) {
	if f.IssuerErr != nil {
		r.skip(f.IssuerErr)
		return
	}
	u, err := url.Parse(f.Issuer)
	host := ""
	if err == nil {
		host = u.Hostname()
	}
	switch {
	case err != nil || u.Scheme != "https":
		r.add(Error, "the issuer %q is not an https URL, so Entra ID cannot trust the cluster's tokens", f.Issuer)
	case !strings.Contains(host, ".") || strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".local"):
		r.add(Error, "the issuer %q is not reachable from Entra ID: enable the OIDC issuer "+
			"(az aks update --resource-group <group> --name <cluster> --enable-oidc-issuer)", f.Issuer)
	default:
		r.add(OK, "the issuer is %s; federated credentials must have exactly this text, with its slash at the end if it has one", f.Issuer)
	}
}

func original(f *Facts, r *Result) {
	if f.Installation == nil {
		r.skip(f.InstallErr)
		return
	}
	switch injection := f.mode(); {
	case !f.Installation.Original:
		r.add(OK, "the Azure Workload Identity webhook is not installed: this webhook adds the identity")
	case injection == "always":
		r.add(Warning, "the Azure Workload Identity webhook is installed, and identity.injection is \"always\": both add the identity; set it to \"auto\"")
	default:
		r.add(Info, "the Azure Workload Identity webhook adds the identity, and this webhook only the certificate sidecar")
	}
}

// mode returns the mode of identity injection; auto if it is not known.
func (f *Facts) mode() string {
	if f.Installation.Configuration == nil {
		return "auto"
	}
	return f.Installation.Flags().Injection()
}
