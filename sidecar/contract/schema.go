package contract

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// fieldsOf returns the fields of a settings struct by their JSON names.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	return schema().fields[t]
}

// schemaIndex is Settings, by reflection: the types are the one place that lists the keys.
type schemaIndex struct {
	fields map[reflect.Type]map[string]reflect.StructField
	// keys are the names of a type in the order of the schema.
	keys map[reflect.Type][]string
	// homes are the paths of the objects that a key belongs in; "" is the top level.
	homes map[string][]string
	// names are all keys, in the order of the schema.
	names []string
}

var schema = sync.OnceValue(func() *schemaIndex {
	s := &schemaIndex{
		fields: make(map[reflect.Type]map[string]reflect.StructField),
		keys:   make(map[reflect.Type][]string),
		homes:  make(map[string][]string),
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
		if s.homes[name] == nil {
			s.names = append(s.names, name)
		}
		s.homes[name] = append(s.homes[name], path)

		inner, at := field.Type, join(path, name)
		if inner.Kind() == reflect.Slice {
			inner, at = inner.Elem(), at+"[]"
		}
		if inner.Kind() == reflect.Struct {
			s.add(inner, at)
		}
	}
}

// windowsKeys are those of the extension for Windows that the one for Linux does not have.
//
// Source: https://learn.microsoft.com/azure/virtual-machines/extensions/key-vault-windows#extension-schema
var windowsKeys = []string{"keyExportable", "accounts"}

// unknownKey says what to do with a key that an object of type t does not have.
func unknownKey(t reflect.Type, key string) string {
	s := schema()
	if slices.Contains(windowsKeys, key) {
		return "is a setting of the extension for Windows and means nothing for files on Linux: remove it"
	}
	if homes := s.homes[key]; homes != nil {
		return "misplaced: it belongs " + under(homes)
	}
	if near := Nearest(key, s.keys[t]); near != "" {
		if strings.EqualFold(near, key) {
			return "unknown key: write it " + quote(near) + ", upper and lower case matter"
		}
		return "unknown key: did you mean " + quote(near) + "?"
	}
	if near := Nearest(key, s.names); near != "" {
		return "unknown key: did you mean " + quote(near) + ", which belongs " + under(s.homes[near]) + "?"
	}
	return "unknown key: known here are " + strings.Join(s.keys[t], ", ")
}

// under names the objects at paths.
func under(paths []string) string {
	named := make([]string, len(paths))
	for i, p := range paths {
		named[i] = "under " + p
		if p == "" {
			named[i] = "at the top level"
		}
	}
	return strings.Join(named, " or ")
}
