package settings

import (
	"sort"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Level is where an annotation is. The lower level wins.
type Level int

// The levels in order of precedence.
const (
	Pod Level = iota
	ServiceAccount
	Namespace
	Chart
)

const levels = 4

// String returns the name of the level in messages: "pod", "service account", "namespace", "chart".
func (l Level) String() string {
	return [levels]string{"pod", "service account", "namespace", "chart"}[l]
}

// phrase returns the level in the form that follows the key of an annotation in a message.
func (l Level) phrase() string {
	if l == Chart {
		return "in the chart's defaults"
	}
	return "on the " + l.String()
}

// Sources are the annotations of one pod, of its service account and namespace, and the defaults of
// the chart. Maps can be nil.
type Sources struct {
	// Pod, ServiceAccount and Namespace are the annotations of the objects, with their full keys.
	Pod, ServiceAccount, Namespace map[string]string
	// Chart are the defaults of the chart, with keys without contract.Prefix: "polling-interval".
	Chart map[string]string
}

// annotation is a certsync annotation; the key is without the prefix.
type annotation struct{ key, text string }

// annotations are the certsync annotations of each level that are not blank, sorted by key. A level
// has few of them, so searching a slice is cheaper than a map.
type annotations [levels][]annotation

func collect(s Sources) *annotations {
	var a annotations
	for l, m := range [levels]map[string]string{s.Pod, s.ServiceAccount, s.Namespace, s.Chart} {
		for key, text := range m {
			if Level(l) != Chart {
				var ok bool
				if key, ok = strings.CutPrefix(key, contract.Prefix); !ok {
					continue
				}
			}
			if strings.TrimSpace(text) != "" {
				a[l] = append(a[l], annotation{key, text})
			}
		}
		sort.Slice(a[l], func(i, j int) bool { return a[l][i].key < a[l][j].key })
	}
	return &a
}

// at returns the value of a key on one level.
func (a *annotations) at(l Level, key string) Value {
	for _, found := range a[l] {
		if found.key == key {
			return Value{Key: key, Text: found.text, Level: l}
		}
	}
	return Value{Key: key}
}

// first returns the value of a key from the first level that has it, without space around it.
func (a *annotations) first(key string) Value {
	for l := Pod; l < levels; l++ {
		if v := a.at(l, key); v.Given() {
			v.Text = strings.TrimSpace(v.Text)
			return v
		}
	}
	return Value{Key: key}
}

// Value is the value of an annotation and its level. Text is empty if no level has the annotation.
type Value struct {
	Key   string // without contract.Prefix
	Text  string
	Level Level
}

// Given reports whether a level has the annotation.
func (v Value) Given() bool { return v.Text != "" }

// Err returns an Error about the value.
func (v Value) Err(reason string) *Error {
	return &Error{Annotation: contract.Prefix + v.Key, Level: v.Level, Value: v.Text, Reason: reason}
}
