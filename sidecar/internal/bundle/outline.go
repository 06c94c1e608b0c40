package bundle

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// maxIterations bounds the rounds of key derivation of a whole container. Tools write 2,000 to
// 600,000; a container with a thousand times as many would hold up every other certificate.
const maxIterations = 4_000_000

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
)

// outline is what can be seen of a PKCS #12 container without decrypting it: what it would cost to
// decrypt, and what the library, whose errors are texts, does not tell.
type outline struct {
	parts     []asn1.RawValue // the ContentInfos of the AuthenticatedSafe
	encrypted int             // how many of them are encrypted
	keys      int             // key bags in the others
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
	o.addCost(container.MacData.FullBytes)
	for _, part := range o.parts {
		var info contentInfo
		if !unmarshal(part.FullBytes, &info) {
			return false
		}
		switch {
		case info.ContentType.Equal(oidEncryptedData):
			o.encrypted++
			o.addCost(info.Content.Bytes)
		case info.ContentType.Equal(oidData) && !o.readBags(info.Content.Bytes):
			return false
		}
	}
	return true
}

func (o *outline) readBags(content []byte) bool {
	var data []byte
	var bags []safeBag
	if !unmarshal(content, &data) || !unmarshal(data, &bags) {
		return false
	}
	for _, bag := range bags {
		switch {
		case bag.ID.Equal(oidKeyBag):
			o.keys++
		case bag.ID.Equal(oidShroudedBag):
			o.keys++
			o.addCost(bag.Value.Bytes)
		case bag.ID.Equal(oidCertBag):
			o.certs++
		}
	}
	return true
}

// addCost adds every number in the structure. Those are versions, key lengths and iteration counts, so
// that the sum is the cost, up to a few hundred, in each of the schemes that there are.
func (o *outline) addCost(der []byte) {
	for len(der) > 0 && o.cost <= maxIterations {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return
		}
		switch {
		case v.IsCompound:
			o.addCost(v.Bytes)
		case v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger:
			var n int
			if _, err := asn1.Unmarshal(v.FullBytes, &n); err != nil || n > maxIterations {
				n = maxIterations + 1
			}
			o.cost += max(n, 0)
		}
		der = rest
	}
}

// hasOnlyCertificates decrypts the container part by part, with a key of no meaning added, since the
// library hands out nothing without one and takes no second. So each part has certificates and no key.
func (o *outline) hasOnlyCertificates() bool {
	for _, part := range o.parts {
		probe, err := withKey(part)
		if err != nil {
			return false
		}
		if _, _, _, err := pkcs12.DecodeChain(probe, ""); err != nil {
			return false
		}
	}
	return len(o.parts) > 0
}

// withKey makes a container without a MAC of the part and a constant key.
func withKey(part asn1.RawValue) ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		return nil, err
	}
	bags, err := asn1.Marshal([]safeBag{{ID: oidKeyBag, Value: explicit(key)}})
	if err != nil {
		return nil, err
	}
	keyPart, err := dataContent(bags)
	if err != nil {
		return nil, err
	}
	keyInfo, err := asn1.Marshal(keyPart)
	if err != nil {
		return nil, err
	}
	safe, err := asn1.Marshal([]asn1.RawValue{part, {FullBytes: keyInfo}})
	if err != nil {
		return nil, err
	}
	content, err := dataContent(safe)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Version  int
		AuthSafe contentInfo
	}{3, content})
}

func dataContent(data []byte) (contentInfo, error) {
	octets, err := asn1.Marshal(data)
	return contentInfo{ContentType: oidData, Content: explicit(octets)}, err
}

// explicit is what encoding/asn1 wants of a RawValue in an explicitly tagged field.
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}

func unmarshal(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}
