package memo

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// places are where the parts of each kind may be, as JSON pointers.
var places = map[kind]*regexp.Regexp{
	requestUID:   regexp.MustCompile(`^/request/uid$`),
	podUID:       regexp.MustCompile(`^/request/object/metadata/uid$`),
	timestamp:    regexp.MustCompile(`^/request/object/metadata/(creationTimestamp|managedFields/\d+/time)$`),
	volumeSuffix: regexp.MustCompile(`^/request/object/spec/(volumes|(containers|initContainers)/\d+/volumeMounts)/\d+/name$`),
}

// uidDepth is the number of objects that the request's uid is in.
const uidDepth = 2

// Check reports whether the request is valid JSON in which every part is the value, or the end of
// the value, that its kind says, the request's uid is there once, and nothing else contains the
// name of a volume with a random part, nor do the outputs, which are what was decided. All of that
// holds for every request with the same key, too, because it has plain texts in the same places.
func (r *Request) Check(outputs ...[]byte) bool {
	for _, out := range outputs {
		if bytes.Contains(out, []byte(volumePrefix)) {
			return false
		}
	}
	d := jsontext.NewDecoder(bytes.NewReader(r.text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	next, uids, values := 0, 0, 0
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return next == len(r.parts) && uids == 1 && values == 1
		}
		if err != nil {
			return false
		}
		if d.StackDepth() == 0 {
			values++
		}
		if token.Kind() != '"' {
			continue
		}
		end := int(d.InputOffset()) - 1 // before the quotation mark
		isPart := next < len(r.parts) && r.parts[next].end == end
		if isPart {
			if isMemberName(d) || !places[r.parts[next].kind].MatchString(string(d.StackPointer())) {
				return false
			}
			next++
		} else if strings.Contains(token.String(), volumePrefix) {
			return false
		}
		if d.StackDepth() == uidDepth && !isMemberName(d) && d.StackPointer() == "/request/uid" {
			uids++
		}
	}
}

// isMemberName reports whether the string that was read last is the name of an object's member.
func isMemberName(d *jsontext.Decoder) bool {
	in, read := d.StackIndex(d.StackDepth())
	return in == '{' && read%2 == 1
}
