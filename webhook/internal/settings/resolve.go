package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// ConfigMap is the ConfigMap with the name that ConfigMapName returns.
type ConfigMap struct {
	// Missing is true if it does not exist in the pod's namespace.
	Missing bool
	// Data is its data. Resolve reads the key settings.json.
	Data map[string]string
}

// Options are the inputs of Resolve other than the annotations.
type Options struct {
	// AllowedVaults are the DNS suffixes of allowed vaults; nil means
	// contract.DefaultVaultSuffixes.
	AllowedVaults []string
	// ConfigMap is the ConfigMap that ConfigMapName names; nil if the webhook cannot read
	// ConfigMaps.
	ConfigMap *ConfigMap
	// Endpoint requests a sidecar for the metadata endpoint, even without certificates.
	Endpoint bool
	// UserRange is the range of user IDs that the cluster assigns to the pod's namespace, or empty.
	UserRange string
}

// Resource is a request and a limit, both quantities that are not parsed yet.
type Resource struct{ Request, Limit Value }

// Resolved is the result of Resolve.
type Resolved struct {
	// Config is nil if the pod gets no sidecar: it has no metadata endpoint and no certificates, or
	// inject is "false". If the webhook could not read the ConfigMap, it has only the settings of
	// the annotations.
	Config *contract.Config
	// EndpointOnly is true if the sidecar only serves the metadata endpoint, without certificates.
	EndpointOnly bool
	// Stores are the distinct store locations in the order of the certificates.
	Stores []string
	// Source says where the settings come from, as in "pod: certificates".
	Source string
	// ConfigMap is the name of the ConfigMap to mount into the sidecar, or empty.
	ConfigMap string
	// KeystoreSecret and KeystoreKey are the name and key of the Secret with the keystore password,
	// or empty.
	KeystoreSecret, KeystoreKey string
	// Native is the native-sidecar annotation, parsed. NativeSource is the annotation.
	Native       Native
	NativeSource Value
	// Port is the port annotation. A port of the settings object is only in Config.
	Port Value
	// ReloadSignal is the reload-signal annotation. The parsed signal is in Config.
	ReloadSignal Value
	// CPU, Memory and Storage are the sidecar's resources; Storage is ephemeral-storage. They are
	// also set if Config is nil.
	CPU, Memory, Storage Resource
	// AssignedUser is the user ID that the cluster assigns to containers of the namespace which do
	// not set one, or nil.
	AssignedUser *int64
	// Warnings are about annotations that are allowed but probably a mistake, in a stable order.
	Warnings []string

	// base is the settings object, or nil if it was not read. The settings of the annotations,
	// over, overlay it.
	base, over *contract.Settings
	group      group
}

// ConfigMapName returns the name of the ConfigMap in the pod's namespace that Resolve needs, or "".
// It does not return an invalid name: Resolve refuses that.
func ConfigMapName(s Sources) string {
	a := collect(s)
	g, ok := a.group()
	if inject, err := a.inject(); !ok || err != nil || !inject || g.settings.Given() || !isObjectName(g.configMap.Text) {
		return ""
	}
	return g.configMap.Text
}

// Resolve resolves the certsync annotations by the table in the package comment, and validates the
// result. The error is an Errors with every invalid annotation.
func Resolve(s Sources, o Options) (*Resolved, error) {
	a := collect(s)
	r := &Resolved{Warnings: a.unknown(), AssignedUser: firstUser(o.UserRange)}
	inject, err := a.inject()
	if err != nil {
		return nil, Errors{err}
	}
	g, given := a.group()
	var errs Errors
	switch {
	case given && inject:
		errs = r.resolve(a, g, o)
	case o.Endpoint:
		errs = r.resolveEndpoint(a)
		r.Warnings = append(r.Warnings, a.unused(given, endpointKeys, o)...)
	default:
		r.readResources(a)
		r.Warnings = append(r.Warnings, a.unused(given, nil, o)...)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return r, nil
}

// inject reads the annotation that switches certificates off.
func (a *annotations) inject() (bool, *Error) {
	v := a.first(contract.KeyInject)
	inject, ok := contract.ParseBool(v.Text)
	if v.Given() && !ok {
		return false, v.Err(reasonBool)
	}
	return inject || !v.Given(), nil
}

func (r *Resolved) resolve(a *annotations, g group, o Options) Errors {
	var errs Errors
	var baseErr *Error
	if r.base, baseErr = g.base(o); baseErr != nil {
		errs = append(errs, baseErr)
	}
	r.over = &contract.Settings{}
	urls := splitList(g.certificates.Text)
	if len(urls) > contract.MaxEntries {
		e := g.certificates.Err(fmt.Sprintf("has %d entries: at most %d are allowed", len(urls), contract.MaxEntries))
		e.Value = ""
		return append(errs, e)
	}
	for _, u := range urls {
		r.over.SecretsManagement.ObservedCertificates = append(r.over.SecretsManagement.ObservedCertificates,
			contract.ObservedCertificate{URL: u})
	}
	overriding := make(map[string]Value) // by path
	for _, override := range overrides {
		v := a.first(override.key)
		if !v.Given() {
			continue
		}
		overriding[override.path] = v
		if reason := override.set(r.over, v.Text); reason != "" {
			errs = append(errs, v.Err(reason))
		}
	}
	errs = append(errs, r.readOthers(a)...)
	if v := a.first(contract.KeyKeystorePassword); v.Given() {
		overriding[keystorePath] = v
	}
	if baseErr != nil {
		return errs // Validate would also report the settings of the unreadable object as missing
	}
	r.group, r.Source, r.ConfigMap = g, g.source(), g.configMap.Text
	return append(errs, r.validate(g, overriding, o)...)
}

// readOthers reads the keys that do not override a setting.
func (r *Resolved) readOthers(a *annotations) (errs Errors) {
	var err *Error
	if v := a.first(contract.KeyKeystorePassword); v.Given() {
		if r.KeystoreSecret, r.KeystoreKey, err = parseKeystoreSecret(v); err != nil {
			errs = append(errs, err)
		}
		r.over.SecretsManagement.KeystorePasswordFile = KeystorePasswordFile
	}
	r.ReloadSignal = a.first(contract.KeyReloadSignal)
	return append(errs, r.readContainer(a)...)
}

// readContainer reads the keys for the container of the sidecar.
func (r *Resolved) readContainer(a *annotations) (errs Errors) {
	var err *Error
	r.NativeSource = a.first(contract.KeyNativeSidecar)
	if r.Native, err = parseNative(r.NativeSource); err != nil {
		errs = append(errs, err)
	}
	r.Port = a.first(contract.KeyPort)
	r.readResources(a)
	return errs
}

func (r *Resolved) readResources(a *annotations) {
	r.CPU = Resource{a.first(contract.KeyCPURequest), a.first(contract.KeyCPULimit)}
	r.Memory = Resource{a.first(contract.KeyMemoryRequest), a.first(contract.KeyMemoryLimit)}
	r.Storage = Resource{a.first(contract.KeyStorageRequest), a.first(contract.KeyStorageLimit)}
}

// validate sets Config, Stores and the warnings.
func (r *Resolved) validate(g group, overriding map[string]Value, o Options) Errors {
	merged := contract.Overlay(r.base, r.over)
	all := &merged.SecretsManagement.ObservedCertificates
	from := origin{
		group: g, overrides: overriding,
		settingsEntries: len(*all) - len(r.over.SecretsManagement.ObservedCertificates),
	}
	unread := r.base == nil
	if unread {
		r.Warnings = append(r.Warnings, "ConfigMap "+g.configMap.Text+" was not read at admission, because the cluster "+
			"administrator disabled this: the sidecar checks the settings when it starts, and only the store "+
			contract.DefaultStoreLocation+" is mounted")
		// Validate refuses settings without a certificate, but those in the ConfigMap are unknown.
		*all = append(*all, contract.ObservedCertificate{URL: placeholderURL(o.AllowedVaults)})
	}
	config, warnings, err := merged.Validate(contract.Rules{Mode: contract.Pod, AllowedVaults: o.AllowedVaults})
	if err != nil {
		return from.errors(err)
	}
	if unread {
		config.Certificates = config.Certificates[:len(config.Certificates)-1]
		r.Stores = []string{contract.DefaultStoreLocation}
	}
	for _, c := range config.Certificates {
		if !slices.Contains(r.Stores, c.Store) {
			r.Stores = append(r.Stores, c.Store)
		}
	}
	r.Config = config
	for _, w := range warnings {
		if v := overriding[keystorePath]; v.Given() && v.Level != Pod && strings.HasPrefix(w, keystorePath+": ") {
			continue // a password for all pods is only meant for those with a keystore
		}
		r.Warnings = append(r.Warnings, from.warning(w))
	}
	r.checkKeystore()
	return nil
}

// placeholderURL returns a secret URL that Validate accepts with these allowed suffixes.
func placeholderURL(suffixes []string) string {
	if len(suffixes) == 0 {
		suffixes = contract.DefaultVaultSuffixes()
	}
	return "https://certsync." + strings.TrimPrefix(suffixes[0], ".") + "/secrets/certsync"
}
