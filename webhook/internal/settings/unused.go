package settings

import (
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// unused returns warnings about annotations of the pod itself where it gets no certificates: what would be refused of them if
// it did, and that they have no effect. Those of a service account, a namespace or the chart are for pods that have
// certificates. Withheld is set where the annotation inject is all that keeps certificates away: others may well stand beside
// it. Used are the keys that have an effect all the same.
func (f *found) unused(withheld bool, used []string, o Options) (warnings []string) {
	var idle []string
	for _, p := range f[Pod] {
		if slices.Contains(known, p.key) && p.key != contract.KeyInject && !slices.Contains(used, p.key) {
			idle = append(idle, p.key)
		}
	}
	if len(idle) == 0 {
		return nil
	}
	for _, e := range f.unservable(o) {
		warnings = append(warnings, e.Error())
	}
	if withheld {
		return warnings
	}
	what, have := "annotation ", "has"
	if len(idle) > 1 {
		what, have = "annotations ", "have"
	}
	return append(warnings, what+contract.Prefix+strings.Join(idle, ", "+contract.Prefix)+" on the pod "+have+
		" no effect, since no certificates are asked for: name them in annotation "+contract.Prefix+contract.KeyCertificates+", "+
		contract.KeySettings+" or "+contract.KeySettingsConfigMap)
}

// unservable returns what would be refused of the pod's own annotations if it had its certificates, or else some.
func (f *found) unservable(o Options) Errors {
	pod := &found{Pod: f[Pod]}
	g, given := pod.group()
	if !given {
		g.certificates = Value{Key: contract.KeyCertificates, Text: standIn(o.AllowedVaults)}
	}
	o.ConfigMap = nil // not read for this
	return new(Resolved).resolve(pod, g, o)
}
