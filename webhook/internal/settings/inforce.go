package settings

import "github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"

// InForce returns the annotations that win by the table in the package comment, in the order of
// contract.AnnotationKeys. It does not validate them.
func InForce(s Sources) []Value {
	a := collect(s)
	g, _ := a.group()
	var all []Value
	for _, key := range contract.AnnotationKeys() {
		v := a.first(key)
		switch key {
		case contract.KeyCertificates:
			v = g.certificates
		case contract.KeySettings:
			v = g.settings
		case contract.KeySettingsConfigMap:
			v = g.configMap
		}
		if v.Given() {
			all = append(all, v)
		}
	}
	return all
}
