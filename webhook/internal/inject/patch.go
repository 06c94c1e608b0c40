package inject

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/segmentio/encoding/json"
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

// Append appends the operations to b as JSON, as json.Marshal would write them, but that it leaves "<", ">" and "&" as they
// are. The error is about a value that cannot be encoded.
//
// The encoder is segmentio's, which needs a third of the time of encoding/json: the API's types have many fields, and
// most are empty. A test holds it against encoding/json.
func (p Patch) Append(b []byte) ([]byte, error) {
	b = append(b, '[')
	for i := range p {
		var err error
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"op":"`...), p[i].Op...), `","path":`...)
		b = json.AppendEscape(b, p[i].Path, 0)
		switch p[i].Op {
		case "move":
			b = json.AppendEscape(append(b, `,"from":`...), p[i].From, 0)
		case "add":
			if b, err = json.Append(append(b, `,"value":`...), p[i].Value, json.SortMapKeys); err != nil {
				return nil, fmt.Errorf("encoding what is added at %s: %w", p[i].Path, err)
			}
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
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
