package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// schema is the part of JSON schema that the settings need.
//
// Source: https://json-schema.org/draft-07
type schema struct {
	Schema      string `json:"$schema,omitempty"`
	ID          string `json:"$id,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Default     any    `json:"default,omitempty"`
	Examples    []any  `json:"examples,omitempty"`

	Type      []string  `json:"type,omitempty"`
	Enum      []string  `json:"enum,omitempty"`
	Pattern   string    `json:"pattern,omitempty"`
	MaxLength *int      `json:"maxLength,omitempty"`
	Minimum   *int64    `json:"minimum,omitempty"`
	Maximum   *int64    `json:"maximum,omitempty"`
	AnyOf     []*schema `json:"anyOf,omitempty"`

	Items                *schema            `json:"items,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	AdditionalProperties *bool              `json:"additionalProperties,omitempty"`
}

// Names of types. Null is allowed everywhere: it means the same as an absent value.
const (
	null    = "null"
	boolean = "boolean"
	integer = "integer"
	text    = "string"
	array   = "array"
	object  = "object"
)

// Patterns of numbers and booleans in strings, as contract.Parse accepts them.
const (
	numberPattern  = `^\s*\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$`
	booleanPattern = `^\s*([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])\s*$`
)

// generator builds the schema. It collects what is missing in properties, or has no setting.
type generator struct {
	used  map[string]bool
	words map[string][]string
	// paths are those of all settings, in the order of the types.
	paths []string
	errs  []string
}

// generate returns the schema of contract.Settings, and the paths of all settings. The error names
// the settings without an entry in properties, and the entries without a setting.
func generate() (root *schema, paths []string, err error) {
	g := &generator{used: make(map[string]bool), words: contract.Words()}
	root = g.object(reflect.TypeFor[contract.Settings](), "")
	root.Schema = "http://json-schema.org/draft-07/schema#"
	root.ID = "https://raw.githubusercontent.com/azure-cert-sync/azure-cert-sync/main/docs/settings.schema.json"
	root.Title = "Settings of azure-cert-sync"
	root.Description = "The settings of the Key Vault VM extension for Linux, versions 3 and 4, with additions of azure-cert-sync."
	root.Type = []string{object}
	root.Properties["$schema"] = &schema{Description: "The JSON schema that editors use for this file. It has no other effect.", Type: []string{text}}
	for path := range properties {
		if !g.used[path] {
			g.errs = append(g.errs, "properties."+path+" describes no setting: remove it")
		}
	}
	if len(g.errs) > 0 {
		slices.Sort(g.errs)
		return nil, nil, fmt.Errorf("%s", strings.Join(g.errs, "; "))
	}
	return root, g.paths, nil
}

// value returns the schema of a value of type t at a path. Number is true if a string can also be a
// number: see the tag from:"number".
func (g *generator) value(t reflect.Type, path string, number bool) *schema {
	p := properties[path]
	switch {
	case t == reflect.TypeFor[contract.Seconds](), t.Kind() == reflect.Int:
		return &schema{AnyOf: []*schema{
			{Type: []string{integer, null}, Minimum: &p.minimum, Maximum: &p.maximum}, {Type: []string{text}, Pattern: numberPattern},
		}}
	case t == reflect.TypeFor[contract.ObservedCertificate]():
		return &schema{AnyOf: []*schema{{Type: []string{text, null}, Pattern: secretPattern}, g.object(t, path)}}
	case t.Kind() == reflect.Struct:
		return g.object(t, path)
	case t.Kind() == reflect.Slice:
		return &schema{Type: []string{array, null}, Items: g.value(t.Elem(), path+"[]", number)}
	case t.Kind() == reflect.Pointer:
		return &schema{AnyOf: []*schema{{Type: []string{boolean, null}}, {Type: []string{text}, Pattern: booleanPattern}}}
	}
	return g.text(path, p, number)
}

func (g *generator) text(path string, p property, number bool) *schema {
	empty := 0
	switch words := g.words[strings.ReplaceAll(path, "[]", "")]; {
	case words != nil && strings.HasSuffix(path, "[]"): // an empty string is not an absent element
		return &schema{AnyOf: []*schema{{Enum: words}, {Type: []string{null}}}}
	case words != nil:
		return &schema{AnyOf: []*schema{{Enum: words}, {Type: []string{text, null}, MaxLength: &empty}}}
	case number:
		var lowest int64
		return &schema{AnyOf: []*schema{{Type: []string{text, null}, Pattern: p.pattern}, {Type: []string{integer}, Minimum: &lowest}}}
	case p.required:
		return &schema{Type: []string{text}, Pattern: p.pattern}
	}
	return &schema{Type: []string{text, null}, Pattern: p.pattern}
}

// object returns the schema of a struct.
func (g *generator) object(t reflect.Type, path string) *schema {
	no := false
	s := &schema{Type: []string{object, null}, Properties: make(map[string]*schema), AdditionalProperties: &no}
	for field := range t.Fields() {
		if contract.System(field.Tag.Get("system")) == contract.SystemWindows {
			continue // the schema is that of the settings for Linux
		}
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		at := strings.TrimPrefix(path+"."+key, ".")
		g.paths = append(g.paths, at)
		inner := g.value(field.Type, at, field.Tag.Get("from") == "number")
		p := properties[at]
		if p.description == "" {
			g.errs = append(g.errs, at+" has no description: add it to properties")
		}
		g.used[at], g.used[at+"[]"] = true, true
		inner.Description, inner.Default, inner.Examples = p.description, p.byDefault, p.examples
		if p.required {
			s.Required = append(s.Required, key)
		}
		s.Properties[key] = inner
	}
	return s
}
