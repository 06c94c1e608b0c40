package inject

import (
	"strconv"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
)

// patch collects JSON patch operations (RFC 6902), to be applied in their order.
type patch []jsonpatch.JsonPatchOperation

// add adds a member to an object, in place of one that is there, or an element to an array.
func (p *patch) add(path string, value any) {
	*p = append(*p, jsonpatch.JsonPatchOperation{Operation: "add", Path: path, Value: value})
}

func (p *patch) remove(path string) {
	*p = append(*p, jsonpatch.JsonPatchOperation{Operation: "remove", Path: path})
}

// appendTo adds values to the end of the array at path, which has length elements. An array without any may
// be absent or null, and is made.
func appendTo[T any](p *patch, path string, length int, values ...T) {
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
