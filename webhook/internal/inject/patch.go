package inject

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Patch is a list of JSON patch operations (RFC 6902), which are applied in order.
type Patch []Operation

// Operation is one of a Patch: "add" with Value, "remove", or "move" with From.
type Operation struct {
	Op    string `json:"op"`
	From  string `json:"from,omitempty"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// Append appends the operations to b as a JSON array.
func (p Patch) Append(b []byte) ([]byte, error) {
	if len(p) == 0 {
		return append(b, "[]"...), nil // not null
	}
	// The encoder writes straight into the caller's memory, where json.Marshal would copy once more.
	buf := bytes.NewBuffer(b)
	if err := json.NewEncoder(buf).Encode(p); err != nil {
		return nil, fmt.Errorf("encoding the JSON patch: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

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
