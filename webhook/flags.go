package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// options are the validated flags.
type options struct {
	showVersion bool
	logLevel    slog.Level
	kubeconfig  string

	port           int
	healthAddress  string
	metricsAddress string
	drain          time.Duration

	reportUninjected bool

	namespace            string
	serviceName          string
	webhookConfiguration string
	tlsSecret            string
	tlsCertDir           string
	tlsCAFile            string
	tlsCA                string // the content of tlsCAFile
	clientCAFile         string
	clientCA             string // the content of clientCAFile

	tenantID         string
	azureEnvironment string
	authorityHost    string // derived from azureEnvironment
	tokenAudience    string
	injection        string
	legacyTokenPath  bool
	endpoint         endpointFlags

	sidecarImage   string
	pullPolicy     string
	pullSecrets    list
	startAfter     list
	sidecarEnv     pairs
	defaults       pairs
	allowedVaults  list
	extraCAFile    string
	extraCA        string // content of extraCAFile
	readConfigMaps bool
}

// endpointFlags are the flags of a custom token endpoint.
type endpointFlags struct {
	proxy, suffix, audience, sniName          string
	caFile, caConfigMap, caSigner, caSelector string
	caData                                    string // content of caFile
}

// Values of --identity-injection.
const (
	injectAuto   = "auto"
	injectAlways = "always"
	injectNever  = "never"
)

// parseFlags parses and validates the command line. The error is flag.ErrHelp after it printed the
// help to out, or lists all problems.
func parseFlags(args []string, getenv func(string) string, out io.Writer) (*options, error) {
	o := &options{
		startAfter: list{
			"istio-init", "istio-validation", "istio-proxy",
			"linkerd-network-validator", "linkerd-init", "linkerd-proxy",
			"kuma-init", "kuma-validation", "kuma-sidecar",
			"consul-connect-inject-init", "consul-dataplane",
		},
	}
	f := flag.NewFlagSet("webhook", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.BoolVar(&o.showVersion, "version", false, "print the version and exit")
	f.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "`level`: debug, info, warn or error")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file`; if empty, the webhook uses the cluster that it runs in")
	o.serverFlags(f, getenv)
	o.identityFlags(f, getenv)
	o.sidecarFlags(f)
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(out, "Usage: webhook [flags]")
			f.SetOutput(out)
			f.PrintDefaults()
		}
		return nil, err
	}
	if o.showVersion {
		return o, nil
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: the webhook takes only flags", f.Arg(0))
	}
	return o, o.check()
}

func (o *options) serverFlags(f *flag.FlagSet, getenv func(string) string) {
	f.IntVar(&o.port, "port", 9443, "`port` of the webhook (TLS)")
	f.StringVar(&o.healthAddress, "health-address", ":9440", "`address` of /healthz and /readyz")
	f.StringVar(&o.metricsAddress, "metrics-address", ":8095", "`address` of /metrics")
	f.DurationVar(&o.drain, "drain", 10*time.Second, "`duration` of serving after SIGTERM, until clients have noticed that the replica is not ready any more")
	f.BoolVar(&o.reportUninjected, "report-uninjected", false, "report labelled pods that were created while the webhook did not respond (failurePolicy Ignore), by a metric and an Event for each pod")
	f.StringVar(&o.namespace, "namespace", getenv("POD_NAMESPACE"), "`namespace` that the webhook runs in; default: variable POD_NAMESPACE")
	f.StringVar(&o.serviceName, "service-name", "azure-cert-sync-webhook", "`name` of the webhook's Service")
	f.StringVar(&o.webhookConfiguration, "webhook-configuration", "azure-cert-sync-webhook", "`name` of the MutatingWebhookConfiguration whose caBundle the webhook maintains")
	f.StringVar(&o.tlsSecret, "tls-secret", "azure-cert-sync-webhook-tls", "`name` of the Secret with the serving certificate")
	f.StringVar(&o.tlsCertDir, "tls-cert-dir", "", "`directory` where --tls-secret is mounted; the webhook serves its tls.crt and tls.key unchanged, adds their CA (ca.crt or --tls-ca-file) to the caBundle, and does not write the Secret")
	f.StringVar(&o.tlsCAFile, "tls-ca-file", "", "PEM `file` with the CA of the certificate in --tls-cert-dir, if the Secret has no ca.crt")
	f.StringVar(&o.clientCAFile, "client-ca-file", "", "PEM `file` with CAs: the webhook port refuses clients without a certificate of one of them")
}

func (o *options) identityFlags(f *flag.FlagSet, getenv func(string) string) {
	environment := getenv("AZURE_ENVIRONMENT")
	if environment == "" {
		environment = "AzurePublicCloud"
	}
	f.StringVar(&o.tenantID, "tenant-id", getenv("AZURE_TENANT_ID"), "tenant `ID` for service accounts that do not set it; default: variable AZURE_TENANT_ID")
	f.StringVar(&o.azureEnvironment, "azure-environment", environment, "`cloud`: AzurePublicCloud, AzureChinaCloud or AzureUSGovernment; default: variable AZURE_ENVIRONMENT")
	f.StringVar(&o.tokenAudience, "token-audience", contract.DefaultTokenAudience, "`audience` of projected tokens")
	f.StringVar(&o.injection, "identity-injection", injectAuto, "`mode`: auto (inject the identity unless the Azure Workload Identity webhook is installed), always or never")
	f.BoolVar(&o.legacyTokenPath, "legacy-token-path", false, "also mount the token at "+contract.LegacyIdentityMountPath)

	e := &o.endpoint
	f.StringVar(&e.proxy, "token-endpoint", "", "`URL` of a custom token endpoint (AKS identity bindings), for pods with the annotation use-<suffix>")
	f.StringVar(&e.suffix, "token-endpoint-suffix", "", "`suffix` of the annotation "+contract.IdentityPrefix+"use-<suffix>; required with --token-endpoint")
	f.StringVar(&e.audience, "token-endpoint-audience", "api://AKSIdentityBinding", "`audience` of the tokens for this endpoint")
	f.StringVar(&e.sniName, "token-endpoint-sni-name", "", "server `name` in the TLS handshake (SNI)")
	f.StringVar(&e.caFile, "token-endpoint-ca-file", "", "PEM `file` with the endpoint's CA, which pods get as a variable")
	f.StringVar(&e.caConfigMap, "token-endpoint-ca-configmap", "", "`name` of a ConfigMap in the pod's namespace with the endpoint's CA, key ca.crt")
	f.StringVar(&e.caSigner, "token-endpoint-ca-signer", "", "signer `name` of ClusterTrustBundles with the endpoint's CA")
	f.StringVar(&e.caSelector, "token-endpoint-ca-selector", "", "label `selector` of the ClusterTrustBundles")
}

func (o *options) sidecarFlags(f *flag.FlagSet) {
	f.StringVar(&o.sidecarImage, "sidecar-image", "", "`image` of the certificate sidecar (required)")
	f.StringVar(&o.pullPolicy, "sidecar-image-pull-policy", "", "`policy`: "+string(corev1.PullAlways)+", IfNotPresent or Never; Kubernetes' default if empty")
	f.Var(&o.pullSecrets, "sidecar-image-pull-secrets", "`names` of Secrets, separated by commas, to add to the pod")
	f.Var(&o.startAfter, "sidecar-start-after", "`names` of init containers, separated by commas, to start the sidecar after")
	f.Var(&o.sidecarEnv, "sidecar-env", "`NAME=VALUE` of a variable of the sidecar; repeatable")
	f.Var(&o.defaults, "default", "`KEY=VALUE`: a certsync annotation without its prefix, for pods for which no other level sets it; repeatable")
	f.Var(&o.allowedVaults, "allowed-vaults", "DNS `suffixes` of vaults, separated by commas; default: Azure's public, China and US government clouds")
	f.StringVar(&o.extraCAFile, "extra-ca-file", "", "PEM `file` with CAs that the sidecar trusts in addition to the system's")
	f.BoolVar(&o.readConfigMaps, "read-settings-configmaps", true, "validate the ConfigMaps that pods name in settings-configmap")
}
