package contract

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strconv"
	"time"
)

// Encode returns the settings as JSON on one line. Parse reads the same settings from it. The error
// comes from encoding/json.
func (s *Settings) Encode() ([]byte, error) {
	return marshal(s)
}

// Hash returns the first 16 hexadecimal digits of the SHA-256 of the output of Encode. It changes
// if and only if the settings change; the layout of the original text does not matter.
func Hash(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:8])
}

// MarshalJSON writes a string of digits, as the documents of the extension do.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatInt(int64(time.Duration(s)/time.Second), 10))
}

// MarshalJSON writes only the URL, as a string, if no other field is set.
func (o ObservedCertificate) MarshalJSON() ([]byte, error) {
	if reflect.DeepEqual(o, ObservedCertificate{URL: o.URL}) {
		return marshal(o.URL)
	}
	type fields ObservedCertificate // without this method
	return marshal(fields(o))
}

// marshal is json.Marshal without HTML escapes, which make settings hard to read.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
