package settings

import (
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// ConfigMap is what was found of the ConfigMap that ConfigMapName asked for.
type ConfigMap struct {
	// Missing is set where there is none of that name in the pod's namespace.
	Missing bool
	// Data is its data; the key settings.json is read.
	Data map[string]string
}

// Options are what Resolve needs beside the annotations.
type Options struct {
	// AllowedVaults are the DNS suffixes of vaults; nil stands for contract.DefaultVaultSuffixes.
	AllowedVaults []string
	// ConfigMap is the ConfigMap of ConfigMapName's name; nil where the webhook may not read ConfigMaps.
	ConfigMap *ConfigMap
	// Endpoint gives the pod a sidecar also where no certificates are asked for: for the metadata endpoint.
	Endpoint bool
}

// Resolved is what the annotations come to.
type Resolved struct {
	// Config is nil where the pod is to get no sidecar: no certificates are asked for, or inject is "false", and no
	// metadata endpoint. Where a ConfigMap was not read, it holds what the annotations say.
	Config *contract.Config
	// EndpointOnly is set where there are no certificates in Config, but the metadata endpoint alone.
	EndpointOnly bool
	// Stores are the distinct store locations, in the order of the certificates.
	Stores []string
	// Source says where the settings come from, as in "pod: certificates".
	Source string
	// ConfigMap is the ConfigMap to mount into the sidecar; empty without one.
	ConfigMap string
	// KeystoreSecret and KeystoreKey name the Secret with the keystores' password; empty without one.
	KeystoreSecret, KeystoreKey string
	// Native is the native-sidecar annotation, and NativeSource where it was found.
	Native       Native
	NativeSource Value
	// Port is the port annotation; it is not given where the port, if any, comes from the settings object.
	Port Value
	// ReloadSignal is the reload-signal annotation; the signal itself is in Config.
	ReloadSignal Value
	// CPURequest, MemoryRequest, CPULimit and MemoryLimit are quantities, as written, not yet parsed; also without Config.
	CPURequest, MemoryRequest, CPULimit, MemoryLimit Value
	// Warnings are what is suspicious but legal, in a stable order.
	Warnings []string

	// base is the settings object, nil where it was not read; over is what the annotations add to it.
	base, over *contract.Settings
	group      group
}

// Native is a value of the native-sidecar annotation.
type Native int

// Values of Native.
const (
	NativeAuto Native = iota
	NativeTrue
	NativeFalse
)

// ConfigMapName returns the name of the ConfigMap, in the pod's namespace, that Resolve needs, or "". A name
// that no ConfigMap can have is not returned: Resolve refuses it.
func ConfigMapName(s Sources) string {
	f := find(s)
	g, ok := f.group()
	if !ok || f.first(contract.KeyInject).Text == "false" || g.settings.Given() || !isObjectName(g.configMap.Text) {
		return ""
	}
	return g.configMap.Text
}

// Resolve resolves the certsync annotations by the table of the package comment, and has them validated. The
// error is an Errors, with everything that is wrong.
func Resolve(s Sources, o Options) (*Resolved, error) {
	f := find(s)
	r := &Resolved{Warnings: f.unknown()}
	inject := f.first(contract.KeyInject)
	if _, ok := boolean(inject.Text); inject.Given() && !ok {
		return nil, Errors{inject.Err(wantBoolean)}
	}
	g, given := f.group()
	var errs Errors
	switch {
	case given && inject.Text != "false":
		errs = r.resolve(f, g, o)
	case o.Endpoint:
		errs = r.resolveEndpoint(f)
		r.Warnings = append(r.Warnings, f.unused(given, endpointKeys, o)...)
	default:
		r.readResources(f)
		r.Warnings = append(r.Warnings, f.unused(given, nil, o)...)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return r, nil
}

func (r *Resolved) resolve(f *found, g group, o Options) Errors {
	var errs Errors
	var noBase *Error
	if r.base, noBase = g.base(o); noBase != nil {
		errs = append(errs, noBase)
	}
	r.over = &contract.Settings{}
	for _, u := range urls(g.certificates.Text) {
		r.over.SecretsManagement.ObservedCertificates = append(r.over.SecretsManagement.ObservedCertificates, contract.ObservedCertificate{URL: u})
	}
	given := make(map[string]Value) // by path
	for _, key := range overrides {
		v := f.first(key.key)
		if !v.Given() {
			continue
		}
		given[key.path] = v
		if reason := key.set(r.over, v.Text); reason != "" {
			errs = append(errs, v.Err(reason))
		}
	}
	errs = append(errs, r.others(f)...)
	if v := f.first(contract.KeyKeystorePassword); v.Given() {
		given[keystorePath] = v
	}
	if noBase != nil {
		return errs // what it lacks would seem to be missing
	}
	r.group, r.Source, r.ConfigMap = g, g.source(), g.configMap.Text
	return append(errs, r.validate(g, given, o)...)
}

// others reads the keys that are no settings.
func (r *Resolved) others(f *found) (errs Errors) {
	var err *Error
	if v := f.first(contract.KeyKeystorePassword); v.Given() {
		if r.KeystoreSecret, r.KeystoreKey, err = keystore(v); err != nil {
			errs = append(errs, err)
		}
		r.over.SecretsManagement.KeystorePasswordFile = KeystorePasswordFile
	}
	r.ReloadSignal = f.first(contract.KeyReloadSignal)
	return append(errs, r.container(f)...)
}

// container reads the keys that are about the sidecar's container.
func (r *Resolved) container(f *found) (errs Errors) {
	var err *Error
	r.NativeSource = f.first(contract.KeyNativeSidecar)
	if r.Native, err = native(r.NativeSource); err != nil {
		errs = append(errs, err)
	}
	r.Port = f.first(contract.KeyPort)
	r.readResources(f)
	return errs
}

func (r *Resolved) readResources(f *found) {
	r.CPURequest, r.MemoryRequest = f.first(contract.KeyCPURequest), f.first(contract.KeyMemoryRequest)
	r.CPULimit, r.MemoryLimit = f.first(contract.KeyCPULimit), f.first(contract.KeyMemoryLimit)
}

// KeystorePasswordFile is where the sidecar finds the password of a Secret, beside its token.
const KeystorePasswordFile = contract.TokenMountPath + "/keystore-password"

// keystorePath is the setting that the keystore-password-secret annotation becomes.
const keystorePath = management + "keystorePasswordFile"

// validate fills in Config, Stores and the warnings.
func (r *Resolved) validate(g group, given map[string]Value, o Options) Errors {
	merged := contract.Overlay(r.base, r.over)
	all := &merged.SecretsManagement.ObservedCertificates
	from := origin{group: g, given: given, own: len(*all) - len(r.over.SecretsManagement.ObservedCertificates)}
	unread := r.base == nil
	if unread {
		r.Warnings = append(r.Warnings, "ConfigMap "+g.configMap.Text+" was not read at admission, which the cluster's administrator has "+
			"switched off: its settings are checked when the sidecar starts, and only the store "+contract.DefaultStoreLocation+" is mounted")
		// Settings without any certificate are refused, but the ConfigMap will have some.
		*all = append(*all, contract.ObservedCertificate{URL: standIn(o.AllowedVaults)})
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
		if v := given[keystorePath]; v.Given() && v.Level != Pod && strings.HasPrefix(w, keystorePath+": ") {
			continue // a password for all pods is not meant for each
		}
		r.Warnings = append(r.Warnings, from.warning(w))
	}
	r.checkKeystore()
	return nil
}

// checkKeystore leaves out a Secret that no keystore needs: a pod waits for a Secret that it mounts, and one
// that is named for all pods, by a namespace or the chart, is there for those that have keystores.
func (r *Resolved) checkKeystore() {
	file := r.Config.KeystorePasswordFile
	switch {
	case file == "":
	case r.KeystoreSecret == "":
		r.Warnings = append(r.Warnings, "keystorePasswordFile "+file+" is not mounted into the sidecar: name the Secret in annotation "+
			contract.Prefix+contract.KeyKeystorePassword)
	case r.ConfigMap == "" && !slices.ContainsFunc(r.Config.Certificates, hasKeystore):
		r.KeystoreSecret, r.KeystoreKey = "", ""
		r.over.SecretsManagement.KeystorePasswordFile = ""
	}
}

func hasKeystore(c contract.Certificate) bool {
	return slices.Contains(c.Formats, contract.FormatPKCS12) || slices.Contains(c.Formats, contract.FormatJKS)
}

// standIn is a URL that Validate accepts under the allowed suffixes.
func standIn(suffixes []string) string {
	if len(suffixes) == 0 {
		suffixes = contract.DefaultVaultSuffixes()
	}
	return "https://certsync." + strings.TrimPrefix(suffixes[0], ".") + "/secrets/certsync"
}
