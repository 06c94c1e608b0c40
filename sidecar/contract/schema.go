package contract

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/internal/jsontree"
)

// fieldsOf returns the fields of a settings struct by their JSON names.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	return schema().fields[t]
}

// schemaIndex describes Settings by reflection, so that only the types list the keys.
type schemaIndex struct {
	fields map[reflect.Type]map[string]reflect.StructField
	// keys are the keys of a type in the order of the schema.
	keys map[reflect.Type][]string
	// parents are the paths of the objects that have a key; "" is the top level.
	parents map[string][]string
	// names are all keys in the order of the schema.
	names []string
}

var schema = sync.OnceValue(func() *schemaIndex {
	s := &schemaIndex{
		fields:  make(map[reflect.Type]map[string]reflect.StructField),
		keys:    make(map[reflect.Type][]string),
		parents: make(map[string][]string),
	}
	s.add(reflect.TypeFor[Settings](), "")
	return s
})

func (s *schemaIndex) add(t reflect.Type, path string) {
	s.fields[t] = make(map[string]reflect.StructField)
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		s.fields[t][name] = field
		s.keys[t] = append(s.keys[t], name)
		if s.parents[name] == nil {
			s.names = append(s.names, name)
		}
		s.parents[name] = append(s.parents[name], path)

		inner, at := field.Type, join(path, name)
		if inner.Kind() == reflect.Slice {
			inner, at = inner.Elem(), at+"[]"
		}
		if inner.Kind() == reflect.Struct {
			s.add(inner, at)
		}
	}
}

// windowsKeys are the keys that only the extension for Windows has.
//
// Source:
// https://learn.microsoft.com/azure/virtual-machines/extensions/key-vault-windows#extension-schema
var windowsKeys = []string{"keyExportable", "accounts"}

// unknownKey returns the error for a key that an object of type t at path does not have.
func unknownKey(t reflect.Type, path string, m jsontree.Member) string {
	s := schema()
	key, parents := m.Key, s.parents[m.Key]
	switch {
	case slices.Contains(windowsKeys, key):
		return "is a setting of the extension for Windows and has no effect on Linux: remove it"
	case parents != nil && key != lastKey(path):
		return "misplaced: it belongs " + location(parents)
	}
	if reason := extraLevel(t, path, m); reason != "" {
		return reason
	}
	if near := Nearest(key, s.keys[t]); near != "" {
		if strings.EqualFold(near, key) {
			return "unknown key: write " + quote(near) + "; upper and lower case matter"
		}
		return "unknown key: did you mean " + quote(near) + "?"
	}
	if near := Nearest(key, s.names); near != "" {
		return "unknown key: did you mean " + quote(near) + ", which belongs " + location(s.parents[near]) + "?"
	}
	return "unknown key: the keys here are " + strings.Join(s.keys[t], ", ")
}

// location describes the objects at paths, as in "under loggingSettings or at the top level".
func location(paths []string) string {
	described := make([]string, len(paths))
	for i, p := range paths {
		described[i] = "under " + p
		if p == "" {
			described[i] = "at the top level"
		}
	}
	return strings.Join(described, " or ")
}
