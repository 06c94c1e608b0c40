package contract

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Parse reads settings from JSON: the extension's settings object, with exactly the keys of the schema,
// each once. A UTF-8 byte order mark is skipped (RFC 8259, section 8.1). What was not given stays
// empty. It checks names and types; Validate checks values. The error is a FieldErrors: the one syntax
// error, or everything that is not of the schema.
func Parse(data []byte) (*Settings, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if e := checkSyntax(data); e != nil {
		return nil, FieldErrors{e}
	}
	root, err := buildTree(data)
	if err != nil {
		return nil, FieldErrors{{Reason: err.Error()}}
	}
	p := &parser{data: data}
	if reason := wrongRoot(root); reason != "" {
		p.fail(root.offset, "", "", reason)
		return nil, p.errs
	}
	var s Settings
	p.object(root, reflect.ValueOf(&s).Elem(), "")
	if err := p.errs.err(); err != nil {
		return nil, err
	}
	return &s, nil
}

// parser fills Settings from nodes.
type parser struct {
	data []byte
	errs FieldErrors
}

// maxErrors bounds the work for a text that is wrong all over.
const maxErrors = 100

func (p *parser) fail(offset int, path, value, reason string) {
	if len(p.errs) == maxErrors {
		return
	}
	e := &FieldError{Path: path, Value: value, Reason: reason}
	e.Line, e.Column = position(p.data, offset)
	p.errs = append(p.errs, e)
}

// expected reports a value of the wrong type.
func (p *parser) expected(n *node, path, what string) {
	p.fail(n.offset, path, "", "expected "+what+", found "+n.describe())
}

var (
	secondsType  = reflect.TypeFor[Seconds]()
	observedType = reflect.TypeFor[ObservedCertificate]()
)

// value fills v, which is of a type that occurs in Settings.
func (p *parser) value(n *node, v reflect.Value, tag reflect.StructTag, path string) {
	switch {
	case v.Type() == secondsType:
		p.seconds(n, v, path)
	case v.Type() == observedType && n.kind == kindString:
		v.Set(reflect.ValueOf(ObservedCertificate{URL: n.text}))
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

func (p *parser) object(n *node, v reflect.Value, path string) {
	if n.kind != kindObject {
		what := "an object"
		if v.Type() == observedType {
			what = "a Key Vault secret URL or an object"
		}
		p.expected(n, path, what)
		return
	}
	fields := fieldsOf(v.Type())
	first := make(map[string]int)
	for _, m := range n.members {
		at := join(path, m.key)
		field, known := fields[m.key]
		if offset, seen := first[m.key]; seen {
			line, column := position(p.data, offset)
			p.fail(m.offset, at, "", fmt.Sprintf("is there twice, first at line %d, column %d: remove one", line, column))
			continue
		}
		first[m.key] = m.offset
		if !known {
			p.fail(m.offset, at, "", unknownKey(v.Type(), m.key))
			continue
		}
		p.value(m.value, v.FieldByIndex(field.Index), field.Tag, at)
	}
}

func (p *parser) array(n *node, v reflect.Value, tag reflect.StructTag, path string) {
	if n.kind != kindArray {
		p.expected(n, path, "an array, that is [ ... ]")
		return
	}
	if len(n.items) == 0 {
		return // as when not given
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		p.value(item, v.Index(i), tag, fmt.Sprintf("%s[%d]", path, i))
	}
}

func (p *parser) boolean(n *node, v reflect.Value, path string) {
	if n.kind != kindBool {
		what := "true or false"
		if n.kind == kindString {
			what += " without quotes"
		}
		p.expected(n, path, what)
		return
	}
	b := n.text == "true"
	v.Set(reflect.ValueOf(&b))
}

func (p *parser) integer(n *node, v reflect.Value, path string) {
	number, err := strconv.ParseInt(n.text, 10, 32)
	switch {
	case n.kind == kindString && err == nil:
		p.expected(n, path, "a number without quotes")
	case n.kind != kindNumber || err != nil || number <= 0: // zero stands for "not given" in Settings
		p.expected(n, path, "a whole number above 0")
	default:
		v.SetInt(number)
	}
}

// text reads a string; a field with the tag from:"number" also takes a whole number.
func (p *parser) text(n *node, v reflect.Value, tag reflect.StructTag, path string) {
	number := tag.Get("from") == "number"
	switch {
	case n.kind == kindString:
		v.SetString(n.text)
		if windowsStore(n.text) && strings.HasSuffix(path, "certificateStoreLocation") {
			p.fail(n.offset, path, n.text, reasonWindowsStore)
		}
	case n.kind == kindNumber && number && digits(n.text):
		v.SetString(n.text)
	case number:
		p.expected(n, path, "a name or number")
	case n.kind == kindNumber:
		p.expected(n, path, "a string, that is with quotes")
	default:
		p.expected(n, path, "a string")
	}
}

func (p *parser) seconds(n *node, v reflect.Value, path string) {
	if n.kind != kindString && n.kind != kindNumber {
		p.expected(n, path, "seconds, as a string or number")
		return
	}
	seconds, err := strconv.ParseInt(n.text, 10, 32)
	if err != nil || !digits(n.text) {
		p.expected(n, path, `whole seconds, as in "3600"`)
		return
	}
	d := time.Duration(seconds) * time.Second
	if err := checkPollingInterval(d); err != nil { // also keeps out zero, which stands for "not given"
		p.fail(n.offset, path, n.text, err.Error())
		return
	}
	v.SetInt(int64(d))
}

// digits tells whether s has decimal digits only, and at least one.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
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
