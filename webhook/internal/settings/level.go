package settings

import (
	"sort"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Level is where an annotation was found. The lower level wins.
type Level int

// The levels, in order of precedence.
const (
	Pod Level = iota
	ServiceAccount
	Namespace
	Chart
)

const levels = 4

// String returns the level as a message names it: "pod", "service account", "namespace", "chart".
func (l Level) String() string {
	return [levels]string{"pod", "service account", "namespace", "chart"}[l]
}

// on returns the level as it follows an annotation's key in a message.
func (l Level) on() string {
	if l == Chart {
		return "among the chart's defaults"
	}
	return "on the " + l.String()
}

// Sources are the annotations of one pod and of what it belongs to. Maps may be nil.
type Sources struct {
	// Pod, ServiceAccount and Namespace are the objects' annotations, with their full keys.
	Pod, ServiceAccount, Namespace map[string]string
	// Chart are the chart's defaults, with keys without contract.Prefix: "polling-interval".
	Chart map[string]string
}

// pair is one certsync annotation, its key without the prefix.
type pair struct{ key, text string }

// found are the certsync annotations of each level that are not blank, sorted by key. Levels have few
// of them, so that a search of the slice is cheaper than a map.
type found [levels][]pair

func find(s Sources) *found {
	var f found
	for l, annotations := range [levels]map[string]string{s.Pod, s.ServiceAccount, s.Namespace, s.Chart} {
		for key, text := range annotations {
			if Level(l) != Chart {
				var ok bool
				if key, ok = strings.CutPrefix(key, contract.Prefix); !ok {
					continue
				}
			}
			if strings.TrimSpace(text) != "" {
				f[l] = append(f[l], pair{key, text})
			}
		}
		sort.Slice(f[l], func(i, j int) bool { return f[l][i].key < f[l][j].key })
	}
	return &f
}

// at returns the value of a key on one level.
func (f *found) at(l Level, key string) Value {
	for _, p := range f[l] {
		if p.key == key {
			return Value{Key: key, Text: p.text, Level: l}
		}
	}
	return Value{Key: key}
}

// on returns the value of a key on one level, without space around it.
func (f *found) on(l Level, key string) Value {
	v := f.at(l, key)
	v.Text = strings.TrimSpace(v.Text)
	return v
}

// first returns the value of a key from the first level that has it, without space around it.
func (f *found) first(key string) Value {
	for l := Pod; l < levels; l++ {
		if v := f.on(l, key); v.Given() {
			return v
		}
	}
	return Value{Key: key}
}

// Value is an annotation's value with where it came from. Text is empty where no level has it.
type Value struct {
	Key   string // without contract.Prefix
	Text  string
	Level Level
}

// Given reports whether some level has the value.
func (v Value) Given() bool { return v.Text != "" }

// Err returns an Error about the value.
func (v Value) Err(reason string) *Error {
	return &Error{Annotation: contract.Prefix + v.Key, Level: v.Level, Value: v.Text, Reason: reason}
}
