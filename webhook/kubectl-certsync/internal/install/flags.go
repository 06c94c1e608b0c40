package install

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/admission"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// Flags are the values of the webhook's flags, in the order in which they are given.
type Flags map[string][]string

// used are the flags that explain reads. unused are the others that the chart sets.
var (
	used = []string{
		"tenant-id", "azure-environment", "token-audience", "identity-injection", "legacy-token-path", "report-uninjected",
		"token-endpoint", "token-endpoint-suffix", "token-endpoint-audience", "token-endpoint-sni-name", "token-endpoint-ca-configmap",
		"token-endpoint-ca-signer", "sidecar-image", "sidecar-image-pull-policy", "sidecar-image-pull-secrets", "sidecar-start-after",
		"sidecar-env", "default", "allowed-vaults", "read-settings-configmaps",
	}
	// files are flags whose value is a file in the webhook's container, which cannot be read.
	files = []string{"extra-ca-file", "token-endpoint-ca-file", "token-endpoint-ca-selector"}
)

// Flags returns the flags of the Deployment. It is empty without one.
func (in *Installation) Flags() Flags {
	f := Flags{}
	if in.Deployment == nil {
		return f
	}
	c := Container(&in.Deployment.Spec.Template.Spec)
	if c == nil {
		return f
	}
	for _, arg := range c.Args {
		if name, value, ok := strings.Cut(strings.TrimLeft(arg, "-"), "="); ok {
			f[name] = append(f[name], value)
		}
	}
	return f
}

// last returns the value that wins, or a default.
func (f Flags) last(name, otherwise string) string {
	if values := f[name]; len(values) > 0 {
		return values[len(values)-1]
	}
	return otherwise
}

// list splits a value at commas.
func (f Flags) list(name string) (list []string) {
	for element := range strings.SplitSeq(f.last(name, ""), ",") {
		if element = strings.TrimSpace(element); element != "" {
			list = append(list, element)
		}
	}
	return list
}

// pairs returns the values KEY=VALUE of a repeatable flag.
func (f Flags) pairs(name string) map[string]string {
	m := map[string]string{}
	for _, text := range f[name] {
		key, value, _ := strings.Cut(text, "=")
		m[key] = value
	}
	return m
}

// TenantID is the default tenant of service accounts.
func (f Flags) TenantID() string { return f.last("tenant-id", "") }

// Audience is the audience of projected tokens.
func (f Flags) Audience() string { return f.last("token-audience", contract.DefaultTokenAudience) }

// SidecarImage is the image of new sidecars, or "".
func (f Flags) SidecarImage() string { return f.last("sidecar-image", "") }

// Defaults are the chart's annotations, without prefix.
func (f Flags) Defaults() map[string]string { return f.pairs("default") }

// TokenEndpointSuffix is the suffix of the annotation for the custom token endpoint, or "".
func (f Flags) TokenEndpointSuffix() string { return f.last("token-endpoint-suffix", "") }

// ReadsConfigMaps reports whether the webhook validates the ConfigMaps that pods name.
func (f Flags) ReadsConfigMaps() bool { return f.last("read-settings-configmaps", "true") != "false" }

// Injection is the mode of identity injection: auto, always or never.
func (f Flags) Injection() string { return f.last("identity-injection", "auto") }

// Unread returns the flags that are given, but whose content only the webhook can read.
func (f Flags) Unread() (names []string) {
	for _, name := range files {
		if f[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// authorityHosts are the hosts of Entra ID in the clouds that are not the public one.
//
// Source: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
var authorityHosts = map[string]string{
	"azurechinacloud":        "https://login.chinacloudapi.cn/",
	"azureusgovernment":      "https://login.microsoftonline.us/",
	"azureusgovernmentcloud": "https://login.microsoftonline.us/",
}

// AuthorityHost is the value of AZURE_AUTHORITY_HOST.
func (f Flags) AuthorityHost() string {
	if host, ok := authorityHosts[strings.ToLower(f.last("azure-environment", ""))]; ok {
		return host
	}
	return "https://login.microsoftonline.com/"
}

// Admission returns the configuration of admission with these flags. The caller sets how objects
// are read.
func (f Flags) Admission(o *inject.Options) *admission.Config {
	return &admission.Config{
		Options:  func() *inject.Options { return o },
		Defaults: f.Defaults(), TenantID: f.TenantID(), TokenEndpointSuffix: f.TokenEndpointSuffix(),
	}
}

// Options returns the options of the injection in a cluster of this version. Without an image in
// the flags, it is the given one.
func (f Flags) Options(original bool, major, minor int, image string) *inject.Options {
	o := &inject.Options{
		InjectIdentity:  f.Injection() == "always" || f.Injection() == "auto" && !original,
		Audience:        f.Audience(),
		AuthorityHost:   f.AuthorityHost(),
		LegacyPath:      f.last("legacy-token-path", "false") == "true",
		Mark:            f.last("report-uninjected", "false") == "true",
		Native:          inject.NativeSupportOf(major, minor),
		Image:           f.last("sidecar-image", image),
		ImagePullPolicy: corev1.PullPolicy(f.last("sidecar-image-pull-policy", "")),
		StartAfter:      f.list("sidecar-start-after"),
		AllowedVaults:   f.list("allowed-vaults"),

		ImagePullSecrets: f.list("sidecar-image-pull-secrets"),
	}
	env := f.pairs("sidecar-env")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		o.Env = append(o.Env, corev1.EnvVar{Name: name, Value: env[name]})
	}
	if proxy := f.last("token-endpoint", ""); proxy != "" {
		o.TokenEndpoint = &inject.TokenEndpoint{
			Proxy: proxy, Audience: f.last("token-endpoint-audience", "api://AKSIdentityBinding"), SNIName: f.last("token-endpoint-sni-name", ""),
			CAConfigMap: f.last("token-endpoint-ca-configmap", ""), CASignerName: f.last("token-endpoint-ca-signer", ""),
		}
	}
	return o
}
