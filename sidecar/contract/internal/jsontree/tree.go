// Package jsontree reads JSON into a tree of values that keep their position in the text, and
// explains syntax errors to the person who wrote the text.
//
// encoding/json reports neither where a value is nor that a key repeats. An error message about
// settings needs both.
//
// The package knows nothing about settings, uses only the standard library and does no I/O.
package jsontree

import (
	"bytes"
	"unicode/utf8"
)

// Document is a JSON text with the tree of its values.
type Document struct {
	Root *Value
	text []byte
}

// Kind is the JSON type of a value.
type Kind int

// The kinds of values (RFC 8259, section 3).
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is one JSON value. The zero value is null.
type Value struct {
	Kind Kind
	// Offset is the index of the value's first byte in the text: see Document.Position.
	Offset int
	// Text is the decoded text of a string, or the literal of a number or boolean as written.
	Text string
	// Items are the elements of an array.
	Items []*Value
	// Members are the members of an object in the order of the text. Keys can repeat.
	Members []Member
}

// Member is a key of an object with its value.
type Member struct {
	Key string
	// Offset is the index of the key's opening quotation mark in the text.
	Offset int
	Value  *Value
}

// Member returns the value of the first member with this key, or nil. It searches linearly.
func (v *Value) Member(key string) *Value {
	for _, m := range v.Members {
		if m.Key == key {
			return m.Value
		}
	}
	return nil
}

// Limits bound a text before Parse spends memory on it. The memory of a tree grows with the number
// of values, which the length bounds; that of paths to values grows with the depth.
type Limits struct {
	// Bytes is the maximum length of the text.
	Bytes int
	// Depth is the maximum number of arrays and objects around a value.
	Depth int
}

// Parse reads text, which must be exactly one JSON value in UTF-8, within the limits. It skips a
// byte order mark, as RFC 8259, section 8.1 allows. Expected describes what the text should be, as
// in "expected an object with ..."; it completes the messages about text that is empty or is not
// JSON. Time and memory are linear in the length of the text.
//
// The error is a *SyntaxError.
func Parse(text []byte, expected string, limits Limits) (*Document, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if err := limits.check(text); err != nil {
		return nil, err
	}
	if err := checkSyntax(text, expected); err != nil {
		return nil, err
	}
	root, err := build(text)
	if err != nil {
		return nil, &SyntaxError{Reason: err.Error()}
	}
	return &Document{Root: root, text: text}, nil
}

// Position returns the line and the column of the byte at offset. Both count from 1, the column in
// characters. The byte order mark does not count.
func (d *Document) Position(offset int) (line, column int) {
	return position(d.text, offset)
}

func position(text []byte, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}
