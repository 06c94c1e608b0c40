package settings

import (
	"path"
	"strings"
	"unicode"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// group are the three keys that are taken whole from one level.
type group struct {
	level                             Level
	certificates, settings, configMap Value
}

// group returns the group of the first level that has any of its keys; ok is false where none has.
func (f *found) group() (g group, ok bool) {
	for l := Pod; l < levels; l++ {
		g = group{
			level:        l,
			certificates: f.at(l, contract.KeyCertificates),
			settings:     f.at(l, contract.KeySettings),
			configMap:    f.at(l, contract.KeySettingsConfigMap),
		}
		if g.certificates.Given() || g.settings.Given() || g.configMap.Given() {
			g.configMap.Text = strings.TrimSpace(g.configMap.Text)
			return g, true
		}
	}
	return group{}, false
}

// source is the value of the settings-source annotation.
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

// base returns the settings object of the group: empty where it has none, nil where it is in a ConfigMap that was not read.
func (g group) base(o Options) (*contract.Settings, *Error) {
	switch {
	case g.settings.Given() && g.configMap.Given():
		e := g.settings.Err("there is also " + contract.KeySettingsConfigMap + " " + g.level.on() + ": keep one of the two")
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
		return nil, g.configMap.Err("this is not the name of a ConfigMap: a name is made of a-z, 0-9, \"-\" and \".\"")
	case o.ConfigMap == nil:
		return nil, nil
	case o.ConfigMap.Missing:
		return nil, g.configMap.Err("there is no such ConfigMap in the pod's namespace: create it before the pod, with the key " + settingsKey)
	}
	text, ok := o.ConfigMap.Data[settingsKey]
	if !ok {
		return nil, g.configMap.Err("the ConfigMap has no key " + settingsKey + ": put the settings there")
	}
	s, err := contract.Parse([]byte(text))
	if err != nil {
		return nil, g.inSettings(err.Error())
	}
	return s, nil
}

// inSettings returns an error about the group's settings object, or about its certificates where it has no such object.
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

// urls splits a certificates annotation at commas, spaces and new lines.
func urls(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// isObjectName reports whether a ConfigMap or Secret can have the name (RFC 1123 subdomain).
func isObjectName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		foreign := func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, foreign) {
			return false
		}
	}
	return true
}
