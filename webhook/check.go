package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// authorityHosts maps the names of clouds, in lower case, to the values of AZURE_AUTHORITY_HOST.
//
// Sources: https://pkg.go.dev/github.com/Azure/go-autorest/autorest/azure#EnvironmentFromName for
// the names, https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud for
// the hosts.
var authorityHosts = map[string]string{
	"azurepubliccloud":       "https://login.microsoftonline.com/",
	"azurecloud":             "https://login.microsoftonline.com/",
	"azurechinacloud":        "https://login.chinacloudapi.cn/",
	"azureusgovernment":      "https://login.microsoftonline.us/",
	"azureusgovernmentcloud": "https://login.microsoftonline.us/",
}

// problems collects the errors of all flags.
type problems []error

func (p *problems) add(flag, value, reason string, args ...any) {
	*p = append(*p, fmt.Errorf("flag --%s: value %q: %s", flag, value, fmt.Sprintf(reason, args...)))
}

// check validates the flags and sets the fields that it derives from them. The error lists all
// problems.
func (o *options) check() error {
	var p problems
	o.checkServer(&p)
	o.checkIdentity(&p)
	o.endpoint.check(&p)
	o.checkSidecar(&p)
	return errors.Join(p...)
}

func (o *options) checkServer(p *problems) {
	if o.port < 1 || o.port > 65535 {
		p.add("port", fmt.Sprint(o.port), "must be 1 to 65535")
	}
	for flag, address := range map[string]string{"health-address": o.healthAddress, "metrics-address": o.metricsAddress} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			p.add(flag, address, "must be HOST:PORT or :PORT")
		}
	}
	o.clientCA = readPEM(p, "client-ca-file", o.clientCAFile)
	o.tlsCA = readPEM(p, "tls-ca-file", o.tlsCAFile)
	if o.tlsCAFile != "" && o.tlsCertDir == "" {
		p.add("tls-ca-file", o.tlsCAFile, "has no effect without --tls-cert-dir")
	}
	if o.drain < 0 {
		p.add("drain", o.drain.String(), "must not be negative")
	}
	for _, f := range []struct{ flag, name string }{
		{"namespace", o.namespace}, {"service-name", o.serviceName},
		{"webhook-configuration", o.webhookConfiguration}, {"tls-secret", o.tlsSecret},
	} {
		if errs := validation.IsDNS1123Subdomain(f.name); errs != nil {
			p.add(f.flag, f.name, "must be a valid object name: %s", errs[0])
		}
	}
}

func (o *options) checkIdentity(p *problems) {
	var ok bool
	if o.authorityHost, ok = authorityHosts[strings.ToLower(o.azureEnvironment)]; !ok {
		p.add("azure-environment", o.azureEnvironment, "must be AzurePublicCloud, AzureChinaCloud or AzureUSGovernment")
	}
	if !slices.Contains([]string{injectAuto, injectAlways, injectNever}, o.injection) {
		p.add("identity-injection", o.injection, "must be auto, always or never")
	}
	if o.tokenAudience == "" {
		p.add("token-audience", "", "must not be empty; the default is %s", contract.DefaultTokenAudience)
	}
}

func (e *endpointFlags) check(p *problems) {
	if e.proxy == "" && e.suffix == "" {
		for _, f := range []struct{ flag, value string }{
			{"token-endpoint-sni-name", e.sniName}, {"token-endpoint-ca-file", e.caFile}, {"token-endpoint-ca-configmap", e.caConfigMap},
			{"token-endpoint-ca-signer", e.caSigner}, {"token-endpoint-ca-selector", e.caSelector},
		} {
			if f.value != "" {
				p.add(f.flag, f.value, "has no effect without --token-endpoint")
			}
		}
		return
	}
	if u, err := url.Parse(e.proxy); err != nil || u.Scheme != "https" || u.Host == "" {
		p.add("token-endpoint", e.proxy, "must be an https URL; it is required with --token-endpoint-suffix")
	}
	if name := contract.IdentityPrefix + "use-" + e.suffix; e.suffix == "" {
		p.add("token-endpoint-suffix", "", "is required with --token-endpoint")
	} else if errs := validation.IsQualifiedName(name); errs != nil {
		p.add("token-endpoint-suffix", e.suffix, "the annotation %s would be invalid: %s", name, errs[0])
	}
	if e.audience == "" || e.audience == contract.DefaultTokenAudience {
		p.add("token-endpoint-audience", e.audience, "must differ from the default audience of federated credentials")
	}
	sources := 0
	for _, source := range []string{e.caFile, e.caConfigMap, e.caSigner} {
		if source != "" {
			sources++
		}
	}
	if sources != 1 {
		p.add("token-endpoint-ca-file", e.caFile, "--token-endpoint requires exactly one of this flag, --token-endpoint-ca-configmap and --token-endpoint-ca-signer")
	}
	if _, err := metav1.ParseToLabelSelector(e.caSelector); err != nil {
		p.add("token-endpoint-ca-selector", e.caSelector, "is not a label selector: %v", err)
	} else if e.caSelector != "" && e.caSigner == "" {
		p.add("token-endpoint-ca-selector", e.caSelector, "has no effect without --token-endpoint-ca-signer")
	}
	e.caData = readPEM(p, "token-endpoint-ca-file", e.caFile)
}

// imageName matches what Kubernetes accepts as an image; only the registry can check the rest.
var imageName = regexp.MustCompile(`^[^\s]+$`)

func (o *options) checkSidecar(p *problems) {
	if !imageName.MatchString(o.sidecarImage) {
		p.add("sidecar-image", o.sidecarImage, "is required and must not contain spaces")
	}
	if !slices.Contains([]corev1.PullPolicy{"", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever}, corev1.PullPolicy(o.pullPolicy)) {
		p.add("sidecar-image-pull-policy", o.pullPolicy, "must be Always, IfNotPresent or Never")
	}
	for _, name := range o.pullSecrets {
		if errs := validation.IsDNS1123Subdomain(name); errs != nil {
			p.add("sidecar-image-pull-secrets", name, "must be a valid Secret name: %s", errs[0])
		}
	}
	for _, e := range o.sidecarEnv {
		if errs := validation.IsEnvVarName(e.key); errs != nil {
			p.add("sidecar-env", e.key+"="+e.value, "%s", errs[0])
		}
	}
	for _, suffix := range o.allowedVaults {
		if errs := validation.IsDNS1123Subdomain(suffix); errs != nil {
			p.add("allowed-vaults", suffix, "must be a DNS suffix such as vault.azure.net")
		}
	}
	o.extraCA = readPEM(p, "extra-ca-file", o.extraCAFile)
	if len(o.extraCA) > contract.MaxVariableBytes {
		p.add("extra-ca-file", o.extraCAFile, "has %d bytes; an environment variable holds at most %d: remove CAs that are not needed", len(o.extraCA), contract.MaxVariableBytes)
	}
	o.checkDefaults(p)
}

// checkDefaults validates the chart's defaults by resolving the settings of a pod without other
// annotations. If the defaults name no certificates, the pod names one.
func (o *options) checkDefaults(p *problems) {
	vaults := append(slices.Clone(o.allowedVaults), contract.DefaultVaultSuffixes()...)
	defaults := o.defaultMap()
	if inject, ok := contract.ParseBool(defaults[contract.KeyInject]); ok && !inject {
		delete(defaults, contract.KeyInject) // otherwise Resolve ignores the other defaults
	}
	sources := settings.Sources{Chart: defaults}
	if !slices.ContainsFunc([]string{contract.KeyCertificates, contract.KeySettings, contract.KeySettingsConfigMap},
		func(key string) bool { return defaults[key] != "" }) {
		sources.Pod = map[string]string{contract.Prefix + contract.KeyCertificates: "https://example." + vaults[0] + "/secrets/example"}
	}
	resolved, err := settings.Resolve(sources, settings.Options{AllowedVaults: o.allowedVaults})
	if err == nil {
		err = inject.CheckResources(resolved)
	}
	if err != nil {
		*p = append(*p, fmt.Errorf("flag --default: %w", err))
	}
}

func (o *options) defaultMap() map[string]string {
	m := make(map[string]string, len(o.defaults))
	for _, d := range o.defaults {
		m[d.key] = d.value
	}
	return m
}

// readPEM returns the content of a file with PEM certificates, or nothing if the path is empty.
func readPEM(p *problems, flag, path string) string {
	if path == "" {
		return ""
	}
	data, err := os.ReadFile(path)
	if err != nil {
		p.add(flag, path, "%v", err)
	} else if !x509.NewCertPool().AppendCertsFromPEM(data) {
		p.add(flag, path, "contains no PEM certificate")
	}
	return string(data)
}
