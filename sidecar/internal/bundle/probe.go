package bundle

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"

	"software.sslmate.com/src/go-pkcs12"
)

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
