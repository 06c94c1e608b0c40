package bundle

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// parsedCertificate is a certificate, and the reason why crypto/x509 refuses it; nil if it does
// not.
type parsedCertificate struct {
	*x509.Certificate
	refused error
}

// parseCertificate parses a certificate of any encoding that OpenSSL serves. crypto/x509 is
// stricter: it refuses a negative serial number, an underscore in a PrintableString, a malformed
// extension and more. Nothing of that matters for a server's files, so parseCertificate then parses
// a copy without these fields. In that case, the result has no serial number, no extensions except
// the key identifiers, and no parsed names; Raw and the other raw fields are those of the original.
// The public key is nil if its kind is not known. Data after the certificate is ignored, as by
// OpenSSL.
//
// The error is that of crypto/x509 for the original.
func parseCertificate(der []byte) (parsedCertificate, error) {
	f, ok := readFields(der)
	if !ok {
		_, err := x509.ParseCertificate(der)
		if err == nil {
			err = errors.New("x509: malformed certificate")
		}
		return parsedCertificate{}, err
	}
	cert, refused := x509.ParseCertificate(f.raw)
	if refused == nil {
		return parsedCertificate{cert, nil}, nil
	}
	cert, err := x509.ParseCertificate(f.reduced(f.key()))
	if err != nil {
		cert, err = x509.ParseCertificate(f.reduced(unknownKey()))
	}
	if err != nil {
		return parsedCertificate{}, refused
	}
	cert.Raw, cert.RawTBSCertificate = f.raw, f.tbs
	cert.RawIssuer, cert.RawSubject, cert.RawSubjectPublicKeyInfo = f.issuer, f.subject, f.publicKey
	cert.SerialNumber = nil
	return parsedCertificate{cert, refused}, nil
}

// fields are the fields of a certificate (RFC 5280, 4.1), each with its tag and length, except
// signature.
type fields struct {
	raw, tbs, algorithm, issuer, validity, subject, publicKey []byte
	signature                                                 asn1.BitString
	keyIDs                                                    [][]byte // extensions
}

var (
	oidSubjectKeyID   = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidAuthorityKeyID = asn1.ObjectIdentifier{2, 5, 29, 35}
)

// readFields checks only the structure, not the values. It reports whether the structure is that of
// a certificate.
func readFields(der []byte) (f fields, ok bool) {
	const sequence = cryptobyteasn1.SEQUENCE
	var raw, tbs, algorithm, content cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1Element(&raw, sequence) {
		return f, false
	}
	f.raw = raw
	if !raw.ReadASN1(&content, sequence) || !content.ReadASN1Element(&tbs, sequence) ||
		!content.ReadASN1Element(&algorithm, sequence) || !content.ReadASN1BitString(&f.signature) {
		return f, false
	}
	f.tbs, f.algorithm = tbs, algorithm
	return f, f.readTBS(tbs)
}

func (f *fields) readTBS(tbs cryptobyte.String) bool {
	const sequence = cryptobyteasn1.SEQUENCE
	version := cryptobyteasn1.Tag(0).Constructed().ContextSpecific()
	var serial cryptobyte.String
	if !tbs.ReadASN1(&tbs, sequence) || !tbs.SkipOptionalASN1(version) || !tbs.ReadASN1(&serial, cryptobyteasn1.INTEGER) ||
		!tbs.SkipASN1(sequence) {
		return false
	}
	for _, field := range []*[]byte{&f.issuer, &f.validity, &f.subject, &f.publicKey} {
		var element cryptobyte.String
		if !tbs.ReadASN1Element(&element, sequence) {
			return false
		}
		*field = element
	}
	f.readKeyIDs(tbs)
	return true
}

// readKeyIDs reads the key identifiers as far as the extensions can be parsed. They are optional.
func (f *fields) readKeyIDs(rest cryptobyte.String) {
	const sequence = cryptobyteasn1.SEQUENCE
	uniqueID := func(n uint8) cryptobyteasn1.Tag { return cryptobyteasn1.Tag(n).ContextSpecific() }
	tag := cryptobyteasn1.Tag(3).Constructed().ContextSpecific()
	var list cryptobyte.String
	if !rest.SkipOptionalASN1(uniqueID(1)) || !rest.SkipOptionalASN1(uniqueID(2)) ||
		!rest.ReadASN1(&list, tag) || !list.ReadASN1(&list, sequence) {
		return
	}
	for !list.Empty() {
		var element, content cryptobyte.String
		var id asn1.ObjectIdentifier
		if !list.ReadASN1Element(&element, sequence) {
			return
		}
		if whole := element; whole.ReadASN1(&content, sequence) && content.ReadASN1ObjectIdentifier(&id) &&
			(id.Equal(oidSubjectKeyID) || id.Equal(oidAuthorityKeyID)) {
			f.keyIDs = append(f.keyIDs, element)
		}
	}
}

// reduced returns a certificate with only the fields that the search for the chain needs.
func (f *fields) reduced(publicKey []byte) []byte {
	type tbs struct {
		Version                      int `asn1:"explicit,tag:0"`
		Serial                       *big.Int
		Algorithm, Issuer            asn1.RawValue
		Validity, Subject, PublicKey asn1.RawValue
		Extensions                   []asn1.RawValue `asn1:"explicit,optional,omitempty,tag:3"`
	}
	raw := func(der []byte) asn1.RawValue { return asn1.RawValue{FullBytes: der} }
	noName := raw([]byte{derSequence, 0})
	content := tbs{
		Version: 2, Serial: big.NewInt(1), Algorithm: raw(f.algorithm), Issuer: noName, Validity: raw(f.normalValidity()),
		Subject: noName, PublicKey: raw(publicKey),
	}
	for _, id := range f.keyIDs {
		content.Extensions = append(content.Extensions, raw(id))
	}
	der, err := asn1.Marshal(struct {
		TBS       tbs
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}{content, raw(f.algorithm), f.signature})
	if err != nil {
		return nil // the parser refuses it
	}
	return der
}

// normalValidity returns the validity with the times in the form that RFC 5280, 4.1.2.5 requires.
// encoding/asn1 also accepts times without seconds and with a time zone, as old tools wrote them.
func (f *fields) normalValidity() []byte {
	var period struct{ NotBefore, NotAfter time.Time }
	if !unmarshal(f.validity, &period) {
		return f.validity
	}
	period.NotBefore, period.NotAfter = period.NotBefore.UTC(), period.NotAfter.UTC()
	der, err := asn1.Marshal(period)
	if err != nil {
		return f.validity
	}
	return der
}

// key returns the public key, for RSA with the NULL parameters and the minimal integers that
// crypto/x509 requires.
func (f *fields) key() []byte {
	var info struct {
		Algorithm struct {
			ID         asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Key asn1.BitString
	}
	if !unmarshal(f.publicKey, &info) || !info.Algorithm.ID.Equal(oidRSA) {
		return f.publicKey
	}
	content, _ := minimalIntegers(info.Key.Bytes)
	info.Algorithm.Parameters = asn1.NullRawValue
	info.Key = asn1.BitString{Bytes: content, BitLength: 8 * len(content)}
	der, err := asn1.Marshal(info)
	if err != nil {
		return f.publicKey
	}
	return der
}

// unknownKey returns a public key of an algorithm that crypto/x509 does not know, and does not
// parse.
func unknownKey() []byte {
	return []byte{derSequence, 9, derSequence, 3, 6, 1, 0, 3, 2, 0, 0}
}

// minimalIntegers returns a SEQUENCE of INTEGERs, such as an RSA key (RFC 8017, A.1), without the
// redundant zeros at the beginning of an INTEGER that DER forbids (X.690, 8.3.2) and some tools
// wrote. It reports whether there were any. Other structures stay as they are.
func minimalIntegers(der []byte) (minimal []byte, changed bool) {
	var content cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&content, cryptobyteasn1.SEQUENCE) || !input.Empty() {
		return der, false
	}
	var b cryptobyte.Builder
	b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for !content.Empty() {
			var number cryptobyte.String
			if !content.ReadASN1(&number, cryptobyteasn1.INTEGER) {
				b.SetError(errors.New("not a sequence of integers"))
				return
			}
			for len(number) > 1 && number[0] == 0 && number[1] < 0x80 {
				number, changed = number[1:], true
			}
			b.AddASN1(cryptobyteasn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(number) })
		}
	})
	out, err := b.Bytes()
	if err != nil || !changed {
		return der, false
	}
	return out, true
}
