package winstore

import (
	"cmp"
	"encoding/json"
	"strings"
)

// mark identifies a certificate that this program has installed. It is the description of the
// certificate, which the certificate consoles of Windows show.
type mark struct {
	// Certificate is contract.Certificate.FileName.
	Certificate string `json:"certificate"`
	Version     string `json:"version"`
	// Sequence grows with each installation of a version. The highest one of a certificate is the
	// current version.
	Sequence int `json:"sequence"`
	// Exportable and Accounts are the properties of the private key.
	Exportable bool     `json:"exportable,omitempty"`
	Accounts   []string `json:"accounts,omitempty"`
}

const markPrefix = "Installed by azure-cert-sync: "

// String returns the description.
func (m mark) String() string {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // impossible: only strings, a number and a boolean
	}
	return markPrefix + string(text)
}

// parseMark returns the mark in a description. The result is false if the certificate is foreign.
func parseMark(description string) (mark, bool) {
	text, ok := strings.CutPrefix(description, markPrefix)
	if !ok {
		return mark{}, false
	}
	var m mark
	err := json.Unmarshal([]byte(text), &m)
	return m, err == nil && m.Certificate != "" && m.Version != ""
}

// newestFirst sorts what was installed of one certificate: the current version comes first.
func newestFirst(a, b mark) int { return cmp.Compare(b.Sequence, a.Sequence) }

// keyAccess returns the security descriptor of a private key, in the security descriptor definition
// language: full control for SYSTEM and the administrators, read access for accounts, by SID.
//
// Source: https://learn.microsoft.com/windows/win32/secauthz/security-descriptor-string-format
func keyAccess(sids []string) string {
	var b strings.Builder
	b.WriteString("D:P(A;;GA;;;SY)(A;;GA;;;BA)")
	for _, sid := range sids {
		b.WriteString("(A;;GR;;;" + sid + ")")
	}
	return b.String()
}
