package settings

import (
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// unused returns warnings about annotations of the pod itself that have no effect, since it has no certificates, and about
// those whose value could not be served either. An annotation of a service account, a namespace or the chart is for pods that
// have certificates. Withheld is set where the pod would have certificates but for the annotation inject, which may well stand
// beside others; used are the keys that have an effect without certificates.
func (f *found) unused(withheld bool, used []string) []string {
	var idle []string
	for _, p := range f[Pod] {
		if slices.Contains(known, p.key) && p.key != contract.KeyInject && !isGroupKey(p.key) && !slices.Contains(used, p.key) {
			idle = append(idle, p.key)
		}
	}
	if len(idle) == 0 {
		return nil
	}
	var warnings []string
	for _, e := range f.unservable(idle) {
		warnings = append(warnings, e.Error())
	}
	if !withheld {
		what, have := "annotation ", "has"
		if len(idle) > 1 {
			what, have = "annotations ", "have"
		}
		warnings = append(warnings, what+contract.Prefix+strings.Join(idle, ", "+contract.Prefix)+" on the pod "+have+
			" no effect, since no certificates are asked for: name them in annotation "+contract.Prefix+contract.KeyCertificates+", "+
			contract.KeySettings+" or "+contract.KeySettingsConfigMap)
	}
	return warnings
}

// unservable returns what would be refused of the pod's annotations with the keys if it had certificates.
func (f *found) unservable(keys []string) (errs Errors) {
	from, over := origin{given: make(map[string]Value)}, &contract.Settings{}
	for _, key := range overrides {
		if !slices.Contains(keys, key.key) {
			continue
		}
		v := f.on(Pod, key.key)
		from.given[key.path] = v
		if reason := key.set(over, v.Text); reason != "" {
			errs = append(errs, v.Err(reason))
		}
	}
	if _, _, err := over.Validate(contract.Rules{Mode: contract.Pod, NoCertificates: true}); err != nil {
		errs = append(errs, from.errors(err)...)
	}
	if slices.Contains(keys, contract.KeyNativeSidecar) {
		if _, err := native(f.on(Pod, contract.KeyNativeSidecar)); err != nil {
			errs = append(errs, err)
		}
	}
	if slices.Contains(keys, contract.KeyKeystorePassword) {
		if _, _, err := keystore(f.on(Pod, contract.KeyKeystorePassword)); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func isGroupKey(key string) bool {
	return key == contract.KeyCertificates || key == contract.KeySettings || key == contract.KeySettingsConfigMap
}
