package settings

import "github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"

// ConfigMap is what was found of the ConfigMap that ConfigMapName asked for.
type ConfigMap struct {
	// Missing is set where there is none of that name in the pod's namespace.
	Missing bool
	// Data is its data; contract.SettingsFile's base name is the key that is read.
	Data map[string]string
}

// Options are what Resolve needs beside the annotations.
type Options struct {
	// AllowedVaults are the DNS suffixes of vaults; nil stands for contract.DefaultVaultSuffixes.
	AllowedVaults []string
	// ConfigMap is the ConfigMap of ConfigMapName's name; nil where the webhook may not read ConfigMaps.
	ConfigMap *ConfigMap
}

// Resolved is what the annotations come to.
type Resolved struct {
	// Config is nil where the pod is to get no sidecar: no certificates are asked for, or inject is "false".
	Config *contract.Config
	// Variable is the value of contract.EnvSettings: all settings, or, with a ConfigMap, those that override its.
	// "$" is not escaped in it.
	Variable string
	// Hash is the contract's hash of the settings that were validated.
	Hash string
	// Source says where the settings come from, as in "pod: certificates".
	Source string
	// ConfigMap is the ConfigMap to mount into the sidecar; empty without one.
	ConfigMap string
	// KeystoreSecret and KeystoreKey name the Secret with the keystores' password; empty without one.
	KeystoreSecret, KeystoreKey string
	// Native is the native-sidecar annotation.
	Native Native
	// CPURequest, MemoryRequest, CPULimit and MemoryLimit are quantities, as written, not yet parsed.
	CPURequest, MemoryRequest, CPULimit, MemoryLimit Value
	// Warnings are what is suspicious but legal, in a stable order.
	Warnings []string
}

// Native is a value of the native-sidecar annotation.
type Native int

// Values of Native.
const (
	NativeAuto Native = iota
	NativeTrue
	NativeFalse
)

// Value is an annotation's value with where it came from. Text is empty where no level has it.
type Value struct {
	Key   string // without contract.Prefix
	Text  string
	Level Level
}

// Err returns an Error about the value.
func (v Value) Err(reason string) *Error { panic("being written") }

// ConfigMapName returns the name of the ConfigMap, in the pod's namespace, that Resolve needs, or "".
func ConfigMapName(s Sources) string { panic("being written") }

// Resolve resolves the certsync annotations. The error is an *Error, or several joined.
func Resolve(s Sources, o Options) (*Resolved, error) { panic("being written") }
