package inject

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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
		return append(b, "[]"...), nil // a nil Patch would be encoded as null
	}
	// The encoder writes to the caller's buffer. json.Marshal would copy the text once more.
	buf := bytes.NewBuffer(b)
	if err := json.NewEncoder(buf).Encode(p); err != nil {
		return nil, fmt.Errorf("encoding the JSON patch: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// add adds or replaces an object's member, or inserts an element into an array.
func (p *Patch) add(path string, value any) {
	*p = append(*p, Operation{Op: "add", Path: path, Value: value})
}

func (p *Patch) remove(path string) {
	*p = append(*p, Operation{Op: "remove", Path: path})
}

// move removes the value at from, with everything in it, and then adds it at path.
func (p *Patch) move(from, path string) {
	*p = append(*p, Operation{Op: "move", From: from, Path: path})
}

// appendTo adds values to the end of the array at path, which has length elements. An array without
// elements may be absent or null, so appendTo adds the array itself.
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

// removeFrom removes the elements that match from the array at path and returns a new list of the
// others. It removes the last element first, so that the indexes of those before it stay valid.
func removeFrom[T any](p *Patch, path string, list []T, match func(*T) bool) []T {
	others := make([]T, 0, cap(list))
	for i := len(list) - 1; i >= 0; i-- {
		if match(&list[i]) {
			p.remove(element(path, i))
		} else {
			others = append(others, list[i])
		}
	}
	slices.Reverse(others)
	return others
}

// element returns the path of an array's element.
func element(path string, index int) string { return path + "/" + strconv.Itoa(index) }

// member returns the path of an object's member (RFC 6901, section 3).
func member(path, key string) string {
	return path + "/" + pointerEscapes.Replace(key)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")
