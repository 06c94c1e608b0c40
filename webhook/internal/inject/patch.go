package inject

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Patch are JSON patch operations (RFC 6902), to be applied in their order.
type Patch []Operation

// Operation is one of a Patch: "add" with Value, "remove", or "move" with From.
type Operation struct {
	Op    string `json:"op"`
	From  string `json:"from,omitempty"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// Encode returns the operations as JSON. It writes what json.Marshal would write of the operations, but encodes
// each value once: json.Marshal encodes a value, scans it and copies it several times over, which would take
// most of the time of an admission. The error is encoding/json's.
func (p Patch) Encode() ([]byte, error) {
	var b bytes.Buffer
	b.Grow(8 << 10) // what a sidecar takes, in most cases
	e := json.NewEncoder(&b)
	b.WriteByte('[')
	for i := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"op":"` + p[i].Op + `","path":`)
		if err := e.Encode(p[i].Path); err != nil {
			return nil, err
		}
		switch p[i].Op {
		case "move":
			b.WriteString(`,"from":`)
			if err := e.Encode(p[i].From); err != nil {
				return nil, err
			}
		case "add":
			b.WriteString(`,"value":`)
			if err := e.Encode(p[i].Value); err != nil {
				return nil, err
			}
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}

// MarshalJSON is Encode.
func (p Patch) MarshalJSON() ([]byte, error) { return p.Encode() }

// add adds a member to an object, in place of one that is there, or an element to an array.
func (p *Patch) add(path string, value any) {
	*p = append(*p, Operation{Op: "add", Path: path, Value: value})
}

func (p *Patch) remove(path string) {
	*p = append(*p, Operation{Op: "remove", Path: path})
}

// move takes a value out and then adds it at path, with all that it holds.
func (p *Patch) move(from, path string) {
	*p = append(*p, Operation{Op: "move", From: from, Path: path})
}

// appendTo adds values to the end of the array at path, which has length elements. An array without any may
// be absent or null, and is made.
func appendTo[T any](p *Patch, path string, length int, values ...T) {
	if len(values) == 0 {
		return
	}
	if length == 0 {
		p.add(path, values)
		return
	}
	for i := range values {
		p.add(path+"/-", &values[i])
	}
}

// element returns the path of an array's element.
func element(path string, index int) string { return path + "/" + strconv.Itoa(index) }

// member returns the path of an object's member (RFC 6901, section 3).
func member(path, key string) string {
	return path + "/" + pointerEscapes.Replace(key)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")
