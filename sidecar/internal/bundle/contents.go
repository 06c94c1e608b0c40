package bundle

import (
	"crypto"
	"encoding/asn1"
	"fmt"
	"strings"
)

// contents are the certificates and keys of a secret, in no particular order and unverified.
// Whether something that cannot be read matters is known only when the leaf is found, or not.
type contents struct {
	certs []parsedCertificate
	keys  []crypto.Signer
	// read is the number of certificates, including those that cannot be parsed.
	read int
	// certErrors and keyErrors are the reasons why certificates and keys cannot be read.
	certErrors, keyErrors []*Error
	// ignored are the types of other PEM blocks.
	ignored []string
}

// add adds other contents.
func (c *contents) add(other contents) {
	c.certs, c.read = append(c.certs, other.certs...), c.read+other.read
	c.keys = append(c.keys, other.keys...)
	c.certErrors = append(c.certErrors, other.certErrors...)
	c.keyErrors = append(c.keyErrors, other.keyErrors...)
}

func (c *contents) addCertificate(der []byte) {
	cert, err := parseCertificate(der)
	if err == nil {
		c.read++
		c.certs = append(c.certs, cert)
		return
	}
	c.addCertificateError("cannot be parsed (" + printable(err.Error()) + ")")
}

// addCertificateError adds the next certificate, which cannot be read.
func (c *contents) addCertificateError(problem string) {
	c.read++
	c.certErrors = append(c.certErrors, &Error{Malformed,
		fmt.Sprintf("certificate %d of the secret %s", c.read, problem), "import the certificate again"})
}

func (c *contents) addKey(der []byte) {
	key, err := parseKey(der)
	if err != nil {
		c.keyErrors = append(c.keyErrors, err)
		return
	}
	c.keys = append(c.keys, key)
}

// addPKCS7 adds the certificates of a PKCS #7 file (RFC 5652, 5.1), which never contains a key. It
// reports whether it can be read.
func (c *contents) addPKCS7(der []byte) bool {
	var info contentInfo
	var data struct {
		Version      int
		Digests      asn1.RawValue
		Content      asn1.RawValue
		Certificates asn1.RawValue `asn1:"optional,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil || !info.ContentType.Equal(oidSignedData) {
		return false
	}
	if _, err := asn1.Unmarshal(info.Content.Bytes, &data); err != nil {
		return false
	}
	for rest := data.Certificates.Bytes; len(rest) > 0; {
		var cert asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &cert); err != nil {
			return false
		}
		c.addCertificate(cert.FullBytes)
	}
	return true
}

// printable makes a text from the secret safe for a log.
func printable(text string) string {
	return strings.Trim(fmt.Sprintf("%.200q", text), `"`)
}
