package settings

import (
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// unused returns warnings about the annotations of a pod that does not get certificates: the errors
// that they would cause if it did, and that they have no effect. It only checks annotations on the
// pod, because those of other levels are meant for pods with certificates. Disabled is true if the
// pod has certificates but inject is "false"; then unused annotations are not a mistake. Used are
// the keys that have an effect even without certificates.
func (a *annotations) unused(disabled bool, used []string, o Options) (warnings []string) {
	var keys []string
	for _, p := range a[Pod] {
		if slices.Contains(knownKeys, p.key) && p.key != contract.KeyInject && !slices.Contains(used, p.key) {
			keys = append(keys, p.key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	for _, e := range a.podErrors(o) {
		warnings = append(warnings, e.Error())
	}
	if disabled {
		return warnings
	}
	what, have := "annotation ", "has"
	if len(keys) > 1 {
		what, have = "annotations ", "have"
	}
	return append(warnings, what+contract.Prefix+strings.Join(keys, ", "+contract.Prefix)+" on the pod "+have+
		" no effect without certificates: request certificates in annotation "+contract.Prefix+contract.KeyCertificates+", "+
		contract.KeySettings+" or "+contract.KeySettingsConfigMap)
}

// podErrors returns the errors of the pod's annotations, as if the pod got certificates.
func (a *annotations) podErrors(o Options) Errors {
	pod := &annotations{Pod: a[Pod]}
	g, given := pod.group()
	if !given {
		g.certificates = Value{Key: contract.KeyCertificates, Text: placeholderURL(o.AllowedVaults)}
	}
	o.ConfigMap = nil // the caller does not read it for such a pod
	return new(Resolved).resolve(pod, g, o)
}
