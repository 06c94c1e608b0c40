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

// Encode writes settings as JSON on one line, such that Parse reads the same settings from it. The
// error is encoding/json's.
func (s *Settings) Encode() ([]byte, error) {
	return marshal(s)
}

// Hash returns 16 hexadecimal digits of the SHA-256 of what Encode wrote: a short name that changes
// exactly when the settings do. It does not depend on how the settings were laid out in their source.
func Hash(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:8])
}

// MarshalJSON writes a string of digits, as the extension's documents do.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatInt(int64(time.Duration(s)/time.Second), 10))
}

// MarshalJSON writes the URL alone where nothing else was given.
func (o ObservedCertificate) MarshalJSON() ([]byte, error) {
	if reflect.DeepEqual(o, ObservedCertificate{URL: o.URL}) {
		return marshal(o.URL)
	}
	type fields ObservedCertificate // without this method
	return marshal(fields(o))
}

// marshal is json.Marshal without the escapes for HTML, which make settings hard to read.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
