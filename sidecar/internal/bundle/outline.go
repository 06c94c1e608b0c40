package bundle

import (
	"encoding/asn1"
	"fmt"
)

// maxIterations bounds the rounds of key derivation of a whole container. Tools write 2,000 to
// 600,000; a container with a thousand times as many would hold up every other certificate.
const maxIterations = 4_000_000

// maxParts leaves room for each certificate, and the key, in a part of its own.
const maxParts = MaxCertificates + 1

const (
	derSequence = 0x30
	// berIndefinite is a length that BER allows and DER does not (X.690, 8.1.3.6 and 10.1).
	berIndefinite = 0x80
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedBag   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

// outline is what can be seen of a PKCS #12 container without decrypting it: what it would cost to
// decrypt, and what the library, whose errors are texts, does not tell.
type outline struct {
	parts     []asn1.RawValue // the ContentInfos of the AuthenticatedSafe
	encrypted int             // how many of them are encrypted
	keys      int             // key bags in the others
	keyPart   int             // which part has the last of these
	certs     int             // certificate bags in the others
	cost      int             // rounds of key derivation
}

// The structures of RFC 7292, 4 and RFC 2315, 13, as far as they are needed.
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

// outlinePKCS12 returns an *Error where the container cannot be read or is too costly.
func outlinePKCS12(der []byte) (*outline, error) {
	if len(der) > 1 && der[1] == berIndefinite {
		return nil, &Error{Unsupported, "the PKCS #12 container is in BER rather than DER encoding",
			"export it again with OpenSSL (openssl pkcs12) and import it as a new version"}
	}
	o := &outline{}
	if !o.read(der) {
		return nil, &Error{Malformed, "the PKCS #12 container is damaged or cut off, or is no PKCS #12 container",
			"import the certificate again"}
	}
	if len(o.parts) > maxParts {
		return nil, &Error{TooLarge, fmt.Sprintf("the PKCS #12 container has %d parts, more than %d", len(o.parts), maxParts),
			"keep only the certificates of the certificate's own chain"}
	}
	if o.cost > maxIterations {
		return nil, &Error{TooLarge,
			fmt.Sprintf("the PKCS #12 container asks for more than %d rounds of key derivation", maxIterations),
			"export it again with at most 100,000 iterations"}
	}
	return o, nil
}

func (o *outline) read(der []byte) bool {
	var container pfx
	var safe []byte
	if !unmarshal(der, &container) || !unmarshal(container.AuthSafe.Content.Bytes, &safe) ||
		!unmarshal(safe, &o.parts) {
		return false
	}
	o.addCost(container.MacData.FullBytes, 0)
	for i, part := range o.parts {
		var info contentInfo
		if !unmarshal(part.FullBytes, &info) {
			return false
		}
		switch {
		case info.ContentType.Equal(oidEncryptedData):
			o.encrypted++
			o.addCost(info.Content.Bytes, 0)
		case info.ContentType.Equal(oidData) && !o.readBags(i, info.Content.Bytes):
			return false
		}
	}
	return true
}

// readBags reads the i-th part, which is not encrypted.
func (o *outline) readBags(i int, content []byte) bool {
	var data []byte
	var bags []safeBag
	if !unmarshal(content, &data) || !unmarshal(data, &bags) {
		return false
	}
	for _, bag := range bags {
		switch {
		case bag.ID.Equal(oidKeyBag):
			o.keys++
			o.keyPart = i
		case bag.ID.Equal(oidShroudedBag):
			o.keys++
			o.keyPart = i
			before := o.cost
			o.addCost(bag.Value.Bytes, 0)
			o.cost += (o.cost - before) * max(0, len(o.parts)-libraryParts) // readParts decrypts it again for each part
		case bag.ID.Equal(oidCertBag):
			o.certs++
		}
	}
	return true
}

// addCost adds every number in the structure. Those are versions, key lengths and iteration counts, so
// that the sum is the cost, up to a few hundred, in each of the schemes that there are. The deepest of
// these, a MAC by PBMAC1, has them at depth 8.
func (o *outline) addCost(der []byte, depth int) {
	for len(der) > 0 && depth < 12 && o.cost <= maxIterations {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return
		}
		switch {
		case v.IsCompound:
			o.addCost(v.Bytes, depth+1)
		case v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger:
			var n int
			if !unmarshal(v.FullBytes, &n) || n > maxIterations {
				n = maxIterations + 1
			}
			o.cost += max(n, 0)
		}
		der = rest
	}
}

func unmarshal(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}
