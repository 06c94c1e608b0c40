package settings

import (
	"path"
	"strings"
	"unicode"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// group is the three keys that all come from the same level.
type group struct {
	level                             Level
	certificates, settings, configMap Value
}

// group returns the group of the first level that has any of its keys; ok is false if no level has.
func (a *annotations) group() (g group, ok bool) {
	for l := Pod; l < levels; l++ {
		g = group{
			level:        l,
			certificates: a.at(l, contract.KeyCertificates),
			settings:     a.at(l, contract.KeySettings),
			configMap:    a.at(l, contract.KeySettingsConfigMap),
		}
		if g.certificates.Given() || g.settings.Given() || g.configMap.Given() {
			g.configMap.Text = strings.TrimSpace(g.configMap.Text)
			return g, true
		}
	}
	return group{}, false
}

// source returns the value of the settings-source annotation.
func (g group) source() string {
	var keys []string
	for _, v := range []Value{g.certificates, g.settings, g.configMap} {
		if v.Given() {
			keys = append(keys, v.Key)
		}
	}
	text := g.level.String() + ": " + strings.Join(keys, ", ")
	if g.configMap.Given() {
		text += " " + g.configMap.Text
	}
	return text
}

// settingsKey is the key of the ConfigMap that holds the settings.
var settingsKey = path.Base(contract.SettingsFile)

// base returns the settings object of the group. It is empty if the group does not have one, and
// nil if it is in a ConfigMap that was not read.
func (g group) base(o Options) (*contract.Settings, *Error) {
	switch {
	case g.settings.Given() && g.configMap.Given():
		e := g.settings.Err(contract.KeySettingsConfigMap + " is also " + g.level.phrase() + ": remove one of the two")
		e.Value = ""
		return nil, e
	case g.settings.Given():
		s, err := contract.Parse([]byte(g.settings.Text))
		if err != nil {
			return nil, g.inSettings(err.Error())
		}
		return s, nil
	case !g.configMap.Given():
		return &contract.Settings{}, nil
	case !isObjectName(g.configMap.Text):
		return nil, g.configMap.Err(`is not the name of a ConfigMap: expected a name of a-z, 0-9, "-" and "."`)
	case o.ConfigMap == nil:
		return nil, nil
	case o.ConfigMap.Missing:
		return nil, g.configMap.Err("this ConfigMap does not exist in the pod's namespace: create it before the pod, with the key " + settingsKey)
	}
	text, ok := o.ConfigMap.Data[settingsKey]
	if !ok {
		return nil, g.configMap.Err("the ConfigMap does not have the key " + settingsKey + ": store the settings under this key")
	}
	s, err := contract.Parse([]byte(text))
	if err != nil {
		return nil, g.inSettings(err.Error())
	}
	return s, nil
}

// inSettings returns an error about the settings object of the group, or about its certificates
// annotation if it does not have a settings object.
func (g group) inSettings(reason string) *Error {
	switch {
	case g.configMap.Given():
		return g.configMap.Err("in its key " + settingsKey + ": " + reason)
	case g.settings.Given():
		e := g.settings.Err(reason)
		e.Value = ""
		return e
	}
	e := g.certificates.Err(reason)
	e.Value = ""
	return e
}

// splitList splits a value at commas, spaces and line breaks.
func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// isObjectName reports whether s can be the name of a ConfigMap or Secret: a DNS subdomain.
//
// Source:
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
func isObjectName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		invalid := func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, invalid) {
			return false
		}
	}
	return true
}
