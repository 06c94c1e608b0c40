package contract

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// kind is a JSON type.
type kind int

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

// node is a JSON value with its place in the text, which encoding/json does not keep.
type node struct {
	kind    kind
	offset  int
	text    string // of a string; the literal of a number or boolean
	items   []*node
	members []member
}

// member is a key with its value. Keys may repeat.
type member struct {
	key    string
	offset int
	value  *node
}

// find returns the first member of that name, or nil.
func (n *node) find(key string) *node {
	for _, m := range n.members {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// describe says what a value is, for messages.
func (n *node) describe() string {
	switch n.kind {
	case kindBool:
		return n.text
	case kindNumber:
		return "the number " + n.text[:min(len(n.text), maxShown)]
	case kindString:
		return "the string " + quote(n.text)
	case kindArray:
		return "an array"
	case kindObject:
		return "an object"
	default:
		return "null (leave it out instead)"
	}
}

// builder makes nodes of a text that is known to be one JSON value.
type builder struct {
	data    []byte
	decoder *json.Decoder
}

func buildTree(data []byte) (*node, error) {
	b := &builder{data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	b.decoder.UseNumber()
	return b.value()
}

// next returns the place where the next token begins: separators were checked and are skipped.
func (b *builder) next() int {
	i := int(b.decoder.InputOffset())
	for i < len(b.data) && bytes.IndexByte([]byte(" \t\r\n,:"), b.data[i]) >= 0 {
		i++
	}
	return i
}

func (b *builder) value() (*node, error) {
	n := &node{offset: b.next()}
	token, err := b.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case bool:
		n.kind, n.text = kindBool, strconv.FormatBool(t)
	case json.Number:
		n.kind, n.text = kindNumber, t.String()
	case string:
		n.kind, n.text = kindString, t
	case json.Delim:
		if t == '[' {
			n.kind = kindArray
			err = b.array(n)
		} else {
			n.kind = kindObject
			err = b.object(n)
		}
	}
	return n, err
}

func (b *builder) array(n *node) error {
	for b.decoder.More() {
		item, err := b.value()
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := b.decoder.Token() // the closing bracket
	return err
}

func (b *builder) object(n *node) error {
	for b.decoder.More() {
		m := member{offset: b.next()}
		token, err := b.decoder.Token()
		if err != nil {
			return err
		}
		m.key, _ = token.(string) // a key: the text was checked
		if m.value, err = b.value(); err != nil {
			return err
		}
		n.members = append(n.members, m)
	}
	_, err := b.decoder.Token() // the closing brace
	return err
}

// position returns the line and the column of an offset, both from 1, the column in characters.
func position(data []byte, offset int) (line, column int) {
	before := data[:min(offset, len(data))]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}
