package contract

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/internal/jsontree"
)

// Parse reads settings from JSON text in UTF-8: the settings object of the Key Vault VM extension,
// with the keys of Settings, each at most once. It skips a byte order mark (RFC 8259, section 8.1).
// A setting that is absent stays empty. Parse checks names and types; Validate checks values.
//
// Parse accepts what programs and templates make of a value without changing its meaning: null for
// an absent value (also in a list, whose other entries are numbered without it), a number or
// boolean in a string, and a whole number in another notation: see wholeNumber. The key "$schema"
// at the top level, which editors use, has no effect.
//
// The error is a FieldErrors with line and column: the first syntax error, or every key and value
// that does not fit the schema, up to a limit.
func Parse(data []byte) (*Settings, error) { return ParseFor(SystemLinux, data) }

// ParseFor does what Parse does, for the settings of a system. Settings that only the other system
// has are errors.
func ParseFor(system System, data []byte) (*Settings, error) {
	document, err := jsontree.Parse(data, expectedRoot, jsontree.Limits{Bytes: MaxSettingsBytes, Depth: maxSettingsDepth})
	if err != nil {
		return nil, FieldErrors{syntaxError(err)}
	}
	p := &parser{document: document, schema: schemaOf(system)}
	if reason := wrongRoot(document.Root); reason != "" {
		p.fail(document.Root.Offset, "", "", reason)
		return nil, p.errs
	}
	var s Settings
	p.object(document.Root, reflect.ValueOf(&s).Elem(), "")
	if err := p.errs.err(); err != nil {
		return nil, err
	}
	return &s, nil
}

// MaxSettingsBytes is the maximum length of the settings, in an annotation, a ConfigMap or a file.
// It is the most that reaches the sidecar: see MaxVariableBytes.
const MaxSettingsBytes = MaxVariableBytes

// maxSettingsDepth is more than settings need, and than the documents need that people paste by
// mistake: see wrongRoot.
const maxSettingsDepth = 16

func syntaxError(err error) *FieldError {
	e := &FieldError{Reason: err.Error()}
	var syntax *jsontree.SyntaxError
	if errors.As(err, &syntax) {
		e.Line, e.Column = syntax.Line, syntax.Column
	}
	return e
}

// parser fills Settings from a JSON document.
type parser struct {
	document *jsontree.Document
	schema   *schemaIndex
	errs     FieldErrors
}

// maxErrors bounds the work for a text with many errors: each needs its position, which takes a
// look at all of the text before it.
const maxErrors = 100

// MaxEntries is the maximum length of a list, such as that of the certificates. It bounds the
// memory: an entry can be much shorter in the text.
const MaxEntries = 2500

// full reports that there are enough errors. The parser then stops.
func (p *parser) full() bool { return len(p.errs) >= maxErrors }

func (p *parser) fail(offset int, path, value, reason string) {
	if p.full() {
		return
	}
	e := &FieldError{Path: path, Value: value, Reason: reason}
	e.Line, e.Column = p.document.Position(offset)
	p.errs = append(p.errs, e)
}

// expected reports a value of the wrong type.
func (p *parser) expected(n *jsontree.Value, path, what string) {
	p.fail(n.Offset, path, "", "expected "+what+", found "+describe(n))
}

// describe returns what a value is, for messages.
func describe(n *jsontree.Value) string {
	switch n.Kind {
	case jsontree.Bool:
		return n.Text
	case jsontree.Number:
		return "the number " + n.Text[:min(len(n.Text), maxShown)]
	case jsontree.String:
		return "the string " + quote(n.Text)
	case jsontree.Array:
		return "an array"
	case jsontree.Object:
		return "an object"
	default:
		return "null"
	}
}

var (
	secondsType  = reflect.TypeFor[Seconds]()
	observedType = reflect.TypeFor[ObservedCertificate]()
)

// value fills v, which has a type that occurs in Settings.
func (p *parser) value(n *jsontree.Value, v reflect.Value, tag reflect.StructTag, path string) {
	switch {
	case v.Type() == secondsType:
		p.seconds(n, v, path)
	case v.Type() == observedType && n.Kind == jsontree.String:
		v.Set(reflect.ValueOf(ObservedCertificate{URL: n.Text}))
	case v.Kind() == reflect.Struct:
		p.object(n, v, path)
	case v.Kind() == reflect.Slice:
		p.array(n, v, tag, path)
	case v.Kind() == reflect.Pointer:
		p.boolean(n, v, path)
	case v.Kind() == reflect.Int:
		p.integer(n, v, path)
	default:
		p.text(n, v, tag, path)
	}
}

// schemaKey is the key by which editors find the JSON schema of a text.
const schemaKey = "$schema"

func (p *parser) object(n *jsontree.Value, v reflect.Value, path string) {
	if n.Kind != jsontree.Object {
		what := "an object"
		if v.Type() == observedType {
			what = "a Key Vault secret URL or an object"
		}
		p.expected(n, path, what)
		return
	}
	fields := p.schema.fields[v.Type()]
	first := make(map[string]int) // the offset of a key's first occurrence
	for _, m := range n.Members {
		if p.full() {
			return
		}
		at := join(path, m.Key)
		field, known := fields[m.Key]
		if offset, seen := first[m.Key]; seen {
			line, column := p.document.Position(offset)
			p.fail(m.Offset, at, "", fmt.Sprintf("duplicate key, first at line %d, column %d: remove one", line, column))
			continue
		}
		first[m.Key] = m.Offset
		switch {
		case !known && at == schemaKey && m.Value.Kind == jsontree.String:
		case !known:
			p.fail(m.Offset, at, "", p.schema.unknownKey(v.Type(), path, m))
		case m.Value.Kind != jsontree.Null:
			p.value(m.Value, v.FieldByIndex(field.Index), field.Tag, at)
		}
	}
}

func (p *parser) array(n *jsontree.Value, v reflect.Value, tag reflect.StructTag, path string) {
	if n.Kind != jsontree.Array {
		p.expected(n, path, "an array: [ ... ]")
		return
	}
	items := slices.DeleteFunc(slices.Clone(n.Items), func(item *jsontree.Value) bool { return item.Kind == jsontree.Null })
	if len(items) == 0 {
		return // an empty array means the same as an absent one
	}
	if len(items) > MaxEntries {
		p.fail(n.Offset, path, "", fmt.Sprintf("has %d entries: at most %d are allowed", len(items), MaxEntries))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		if p.full() {
			return
		}
		p.value(item, v.Index(i), tag, fmt.Sprintf("%s[%d]", path, i))
	}
}

// join appends a key to a path.
func join(path, key string) string {
	if len(key) > maxShown {
		key = key[:maxShown] + "..."
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
