package bundle

import (
	"encoding/asn1"
	"fmt"
)

// maxIterations limits the iterations of key derivation for a whole container. Tools write 2,000 to
// 600,000. A container with a thousand times as many would delay all other certificates.
const maxIterations = 4_000_000

// maxParts allows a separate part for each certificate and for the key.
const maxParts = MaxCertificates + 1

const (
	derSequence = 0x30
	// berIndefinite is the indefinite length, which BER allows and DER forbids (X.690, 8.1.3.6,
	// 10.1).
	berIndefinite = 0x80
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedBag   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	// oidX509Certificate is the type of a certificate in a certificate bag.
	oidX509Certificate = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidSHA256          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

// pkcs12Info describes a PKCS #12 container without decrypting it: the cost of decryption, and the
// details that the library does not report, because its errors are only texts.
type pkcs12Info struct {
	parts     []asn1.RawValue // the ContentInfos of the AuthenticatedSafe
	encrypted []asn1.RawValue // those that are encrypted
	bags      []safeBag       // of the others
	cost      int             // iterations of key derivation
}

// The structures of RFC 7292, 4 and RFC 2315, 13, with the fields that are needed here.
type (
	pfx struct {
		Version  int
		AuthSafe contentInfo
		MacData  asn1.RawValue `asn1:"optional"`
	}
	contentInfo struct {
		ContentType asn1.ObjectIdentifier
		Content     asn1.RawValue `asn1:"tag:0,explicit,optional"`
	}
	safeBag struct {
		ID         asn1.ObjectIdentifier
		Value      asn1.RawValue `asn1:"tag:0,explicit"`
		Attributes asn1.RawValue `asn1:"optional"`
	}
)

// inspectPKCS12 returns an *Error if the container cannot be read, or is too large or too costly to
// decrypt.
func inspectPKCS12(der []byte) (*pkcs12Info, error) {
	p := &pkcs12Info{}
	if !p.read(der) {
		if isBER(der, 0) {
			return nil, &Error{Unsupported, "the value is BER-encoded, not DER-encoded",
				"if it is a PKCS #12 container, export it again with OpenSSL (openssl pkcs12) and import it as a new version"}
		}
		return nil, &Error{Malformed, "the value is not a PKCS #12 container, or the container is damaged or truncated",
			"import the certificate again"}
	}
	if len(p.parts) > maxParts {
		return nil, &Error{TooLarge,
			fmt.Sprintf("the PKCS #12 container has %d parts, more than the limit of %d", len(p.parts), maxParts),
			"keep only the certificates of the chain"}
	}
	if p.cost > maxIterations {
		return nil, &Error{TooLarge,
			fmt.Sprintf("the PKCS #12 container needs more than %d iterations of key derivation", maxIterations),
			"export it again with at most 100,000 iterations"}
	}
	return p, nil
}

// read fills in the fields and reports whether the container has the expected structure.
func (p *pkcs12Info) read(der []byte) bool {
	var container pfx
	var safe []byte
	if !unmarshal(der, &container) || !unmarshal(container.AuthSafe.Content.Bytes, &safe) ||
		!unmarshal(safe, &p.parts) {
		return false
	}
	p.addCost(container.MacData.FullBytes, 0)
	for _, part := range p.parts {
		var info contentInfo
		if !unmarshal(part.FullBytes, &info) {
			return false
		}
		switch {
		case info.ContentType.Equal(oidEncryptedData):
			p.encrypted = append(p.encrypted, part)
			p.addCost(info.Content.Bytes, 0)
		case info.ContentType.Equal(oidData) && !p.readBags(info.Content.Bytes):
			return false
		}
	}
	return true
}

// readBags adds the bags of a part that is not encrypted.
func (p *pkcs12Info) readBags(content []byte) bool {
	var data []byte
	var bags []safeBag
	if !unmarshal(content, &data) || !unmarshal(data, &bags) {
		return false
	}
	for _, bag := range bags {
		if bag.ID.Equal(oidShroudedBag) {
			p.addCost(bag.Value.Bytes, 0)
		}
	}
	p.bags = append(p.bags, bags...)
	return true
}

// addCost adds up all numbers in the structure. These are versions, key lengths and iteration
// counts, so the sum exceeds the real cost by at most a few hundred in every scheme. The deepest
// scheme, a MAC with PBMAC1, has its numbers at depth 8.
func (p *pkcs12Info) addCost(der []byte, depth int) {
	for len(der) > 0 && depth < 12 && p.cost <= maxIterations {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return
		}
		switch {
		case v.IsCompound:
			p.addCost(v.Bytes, depth+1)
		case v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger:
			var n int
			if !unmarshal(v.FullBytes, &n) || n > maxIterations {
				n = maxIterations + 1
			}
			p.cost += max(n, 0)
		}
		der = rest
	}
}

func unmarshal(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}

// isBER reports whether a structure, or a structure in one of its octet strings, uses the encodings
// that BER allows and DER forbids: the indefinite length (X.690, 8.1.3.6), and octet strings in
// parts (8.7.3).
func isBER(der []byte, depth int) bool {
	const constructed = 0x20
	for len(der) > 1 && depth < 12 {
		if der[1] == berIndefinite && der[0]&constructed != 0 || der[0] == asn1.TagOctetString|constructed {
			return true
		}
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return false
		}
		inside := v.IsCompound || v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString
		if inside && isBER(v.Bytes, depth+1) {
			return true
		}
		der = rest
	}
	return false
}
