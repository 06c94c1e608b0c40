package jsontree

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// builder builds the tree of a text that checkSyntax accepted.
type builder struct {
	text    []byte
	decoder *json.Decoder
}

func build(text []byte) (*Value, error) {
	b := &builder{text: text, decoder: json.NewDecoder(bytes.NewReader(text))}
	b.decoder.UseNumber()
	return b.value()
}

// next returns the offset of the next token. The separators before it were checked already.
func (b *builder) next() int {
	i := int(b.decoder.InputOffset())
	for i < len(b.text) && bytes.IndexByte([]byte(" \t\r\n,:"), b.text[i]) >= 0 {
		i++
	}
	return i
}

func (b *builder) value() (*Value, error) {
	v := &Value{Offset: b.next()}
	token, err := b.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case bool:
		v.Kind, v.Text = Bool, strconv.FormatBool(t)
	case json.Number:
		v.Kind, v.Text = Number, t.String()
	case string:
		v.Kind, v.Text = String, t
	case json.Delim:
		if t == '[' {
			v.Kind = Array
			err = b.array(v)
		} else {
			v.Kind = Object
			err = b.object(v)
		}
	}
	return v, err
}

func (b *builder) array(v *Value) error {
	for b.decoder.More() {
		item, err := b.value()
		if err != nil {
			return err
		}
		v.Items = append(v.Items, item)
	}
	_, err := b.decoder.Token() // the closing bracket
	return err
}

func (b *builder) object(v *Value) error {
	for b.decoder.More() {
		m := Member{Offset: b.next()}
		token, err := b.decoder.Token()
		if err != nil {
			return err
		}
		m.Key, _ = token.(string) // checkSyntax accepted the text, so this is a string
		if m.Value, err = b.value(); err != nil {
			return err
		}
		v.Members = append(v.Members, m)
	}
	_, err := b.decoder.Token() // the closing brace
	return err
}
