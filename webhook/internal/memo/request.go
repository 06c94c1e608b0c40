package memo

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"slices"
)

// Key identifies a request without the parts that no decision depends on. It is a hash without
// known collisions, so requests need not be kept to compare them.
type Key [sha256.Size]byte

// Request is the text of an AdmissionReview and where its variable parts are.
type Request struct {
	Key  Key
	text []byte
	// uid is the part that the response repeats. It is the first one.
	uid   part
	parts []part
}

// part is text[begin:end], between quotation marks or at the end of what is between them.
type part struct {
	begin, end int
	kind       kind
}

// kind is the reason why no decision depends on a part.
type kind int

const (
	requestUID kind = iota // only the response repeats it
	podUID                 // no decision reads it
	timestamp              // no decision reads it
	// volumeSuffix is the random part of a volume's name. Decisions compare names of volumes with
	// each other and with reserved names, and such a name is not reserved.
	volumeSuffix
)

// volumePrefix begins the names of the volumes that the API server adds for the token of the
// service account. The rest are suffixLength random characters.
//
// Source: ServiceAccountVolumeName in
// k8s.io/kubernetes/plugin/pkg/admission/serviceaccount/admission.go, and
// k8s.io/apiserver/pkg/storage/names/generate.go
const (
	volumePrefix = "kube-api-access-"
	suffixLength = 5
)

// The texts before and after the parts, in the order in which the API server encodes fields.
var (
	beforeRequestUID = []byte(`"request":{"uid":"`)
	beforeCreation   = []byte(`"creationTimestamp":"`)
	beforePodUID     = []byte(`"uid":"`)
	afterPodUID      = []byte(`",`)
	beforeTime       = []byte(`"time":"`)
	afterTime        = []byte(`","fieldsType":"`)
	beforeSuffix     = []byte(`"name":"` + volumePrefix)
)

const (
	// maxHead is where the request's uid begins at the latest.
	maxHead = 256
	// maxParts bounds the parts of a request. Containers have one each.
	maxParts = 64
	// maxPart bounds the length of a part.
	maxPart = 64
)

// Parse finds the parts of a request and computes its key. It reports false for a text whose
// response is not worth remembering, or not safe: it does not look like those of the API server.
// The request refers to the text. Parse does not check that the text is valid JSON.
func Parse(text []byte) (*Request, bool) {
	head := bytes.Index(text[:min(len(text), maxHead)], beforeRequestUID)
	if head < 0 {
		return nil, false
	}
	r := &Request{text: text, parts: make([]part, 0, 8)}
	if !r.add(requestUID, head+len(beforeRequestUID)) {
		return nil, false
	}
	r.uid = r.parts[0]
	if !r.addCreation() || !r.addTimes() || !r.addSuffixes() {
		return nil, false
	}
	slices.SortFunc(r.parts, func(a, b part) int { return a.begin - b.begin })
	r.hash()
	return r, true
}

// UID returns the uid of the request. It consists of letters, digits and hyphens.
func (r *Request) UID() []byte { return r.text[r.uid.begin:r.uid.end] }

// add adds the part that begins at an offset and ends at the next quotation mark. It reports false
// for a part that is not a plain text: JSON could be different with another text in its place.
func (r *Request) add(k kind, begin int) bool {
	end := begin
	for end < len(r.text) && end-begin <= maxPart && isPlain(r.text[end]) {
		end++
	}
	if end == begin || end == len(r.text) || r.text[end] != '"' || len(r.parts) == maxParts {
		return false
	}
	r.parts = append(r.parts, part{begin, end, k})
	return true
}

// isPlain reports whether a character may be in a part. JSON strings may contain each of them
// without an escape.
func isPlain(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == ':' || c == '.'
}

// addCreation adds the time of the pod's creation and the uid before it, if the pod has them.
func (r *Request) addCreation() bool {
	at := bytes.Index(r.text, beforeCreation)
	if at < 0 {
		return true
	}
	if uid := bytes.LastIndex(r.text[max(0, at-maxPart):at], beforePodUID); uid >= 0 {
		begin := max(0, at-maxPart) + uid + len(beforePodUID)
		if bytes.HasSuffix(r.text[begin:at], afterPodUID) && !r.add(podUID, begin) {
			return false
		}
	}
	return r.add(timestamp, at+len(beforeCreation))
}

// addTimes adds the times of managed fields.
func (r *Request) addTimes() bool {
	for at := range r.occurrences(beforeTime) {
		if end := bytes.IndexByte(r.text[at:], '"'); end < 0 || !bytes.HasPrefix(r.text[at+end:], afterTime) {
			continue
		}
		if !r.add(timestamp, at) {
			return false
		}
	}
	return true
}

// addSuffixes adds the random part of the name of the volume with the service account's token. With
// several such volumes, it would matter which of them are equal.
func (r *Request) addSuffixes() bool {
	var first []byte
	for at := range r.occurrences(beforeSuffix) {
		if !r.add(volumeSuffix, at) {
			return false
		}
		p := r.parts[len(r.parts)-1]
		suffix := r.text[p.begin:p.end]
		if first == nil {
			first = suffix
		}
		if len(suffix) != suffixLength || !bytes.Equal(first, suffix) {
			return false
		}
	}
	return true
}

// occurrences are the offsets after each occurrence of a text.
func (r *Request) occurrences(of []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		for at := 0; ; {
			next := bytes.Index(r.text[at:], of)
			if next < 0 {
				return
			}
			at += next + len(of)
			if !yield(at) {
				return
			}
		}
	}
}

// hash computes the key: from the text without the parts, and from where and of which kind each is.
func (r *Request) hash() {
	h, at := sha256.New(), 0
	places := make([]byte, 0, maxParts)
	for _, p := range r.parts {
		h.Write(r.text[at:p.begin])
		places = binary.BigEndian.AppendUint32(places, uint32(p.begin-at))
		places = append(places, byte(p.kind))
		at = p.end
	}
	h.Write(r.text[at:])
	h.Write(places)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(r.text[at:]))<<32|uint64(len(places))))
	h.Sum(r.Key[:0])
}
