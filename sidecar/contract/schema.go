package contract

import (
	"reflect"
	"strings"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/internal/jsontree"
)

// System is the operating system of the settings. The extensions for Linux and Windows share most
// keys. A field of Settings that only one of them has is tagged with its name, as in
// system:"linux".
type System string

// Systems.
const (
	SystemLinux   System = "linux"
	SystemWindows System = "windows"
)

// schemaIndex describes the Settings of a system by reflection, so that only the types list the
// keys.
type schemaIndex struct {
	system System
	fields map[reflect.Type]map[string]reflect.StructField
	// keys are the keys of a type in the order of the schema.
	keys map[reflect.Type][]string
	// parents are the paths of the objects that have a key; "" is the top level.
	parents map[string][]string
	// names are all keys in the order of the schema.
	names []string
	// foreign are the keys that only the other system has.
	foreign map[string]bool
}

// schemaOf returns the schema of a system.
func schemaOf(system System) *schemaIndex {
	if system == SystemWindows {
		return windowsSchema()
	}
	return linuxSchema()
}

var (
	linuxSchema   = sync.OnceValue(func() *schemaIndex { return newSchema(SystemLinux) })
	windowsSchema = sync.OnceValue(func() *schemaIndex { return newSchema(SystemWindows) })
)

func newSchema(system System) *schemaIndex {
	s := &schemaIndex{
		system:  system,
		fields:  make(map[reflect.Type]map[string]reflect.StructField),
		keys:    make(map[reflect.Type][]string),
		parents: make(map[string][]string),
		foreign: make(map[string]bool),
	}
	s.add(reflect.TypeFor[Settings](), "")
	return s
}

func (s *schemaIndex) add(t reflect.Type, path string) {
	s.fields[t] = make(map[string]reflect.StructField)
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if only := System(field.Tag.Get("system")); only != "" && only != s.system {
			s.foreign[name] = true
			continue
		}
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

// unknownKey returns the error for a key that an object of type t at path does not have.
func (s *schemaIndex) unknownKey(t reflect.Type, path string, m jsontree.Member) string {
	key, parents := m.Key, s.parents[m.Key]
	switch {
	case s.foreign[key] && s.system == SystemWindows:
		return "is a setting for Linux and has no effect on Windows: remove it"
	case s.foreign[key]:
		return "is a setting of the extension for Windows and has no effect on Linux: remove it"
	case parents != nil && key != lastKey(path):
		return "misplaced: it belongs " + location(parents)
	}
	if reason := s.extraLevel(t, path, m); reason != "" {
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
