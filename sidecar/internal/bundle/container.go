package bundle

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"software.sslmate.com/src/go-pkcs12"
)

// decodeContainer reads the one key and the certificates of a container.
func decodeContainer(der []byte) (material, error) {
	// DecodeChain is used for its decryption only. It takes the first certificate for the leaf, which in a container
	// that Key Vault made is the root, but it does hand out all certificates; the leaf is then found by its key.
	// pkcs12.ToPEM refuses Ed25519 keys, attributes that it does not know, and containers with one part.
	key, first, others, err := pkcs12.DecodeChain(der, "")
	if err != nil {
		return material{}, err
	}
	k, err := signer(key)
	if err != nil {
		return material{}, err
	}
	return material{certs: append(others, first), keys: []crypto.Signer{k}}, nil
}

// readParts reads a container of more than two parts, which the library refuses (GnuTLS makes such ones), as
// several of two: each part beside the one that has the key.
func (o *outline) readParts() (material, error) {
	var all material
	for i, part := range o.parts {
		if i == o.keyPart {
			continue
		}
		m, err := decodeParts(part, o.parts[o.keyPart])
		if err != nil {
			return material{}, err
		}
		all.certs, all.keys = append(all.certs, m.certs...), m.keys
	}
	return all, nil
}

// hasOnlyCertificates decrypts the container part by part, with a key of no meaning added, since the
// library hands out nothing without one and takes no second. So each part has certificates and no key.
func (o *outline) hasOnlyCertificates() bool {
	key, err := meaninglessKey()
	if err != nil {
		return false
	}
	for _, part := range o.parts {
		if _, err := decodeParts(part, key); err != nil {
			return false
		}
	}
	return len(o.parts) > 0
}

// decodeParts decodes parts of a container as one of their own. Older schemes of encryption derive one key from an empty
// password and another from none at all; the library goes by the MAC, which is not that of the parts, so both are tried.
func decodeParts(parts ...asn1.RawValue) (material, error) {
	safe, err := asn1.Marshal(parts)
	if err != nil {
		return material{}, err
	}
	content, err := dataContent(safe)
	if err != nil {
		return material{}, err
	}
	withoutMAC, err := asn1.Marshal(pfx{Version: 3, AuthSafe: content})
	if err != nil {
		return material{}, err
	}
	if m, err := decodeContainer(withoutMAC); err == nil {
		return m, nil
	}
	mac, err := macOfNoPassword(safe)
	if err != nil {
		return material{}, err
	}
	withMAC, err := asn1.Marshal(pfx{Version: 3, AuthSafe: content, MacData: mac})
	if err != nil {
		return material{}, err
	}
	return decodeContainer(withMAC)
}

// macOfNoPassword makes a container's MacData from no password at all, in one round and with a salt of zeros, where the
// derivation of RFC 7292, B.2 comes down to one digest.
func macOfNoPassword(safe []byte) (asn1.RawValue, error) {
	const forMAC = 3 // RFC 7292, B.3
	salt := make([]byte, sha256.BlockSize)
	key := sha256.Sum256(append(bytes.Repeat([]byte{forMAC}, sha256.BlockSize), salt...))
	mac := hmac.New(sha256.New, key[:])
	mac.Write(safe)
	type digestInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	der, err := asn1.Marshal(struct {
		MAC        digestInfo
		Salt       []byte
		Iterations int
	}{digestInfo{pkix.AlgorithmIdentifier{Algorithm: oidSHA256}, mac.Sum(nil)}, salt, 1})
	return asn1.RawValue{FullBytes: der}, err
}

// meaninglessKey is a part with a constant key.
func meaninglessKey() (asn1.RawValue, error) {
	key, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		return asn1.RawValue{}, err
	}
	bags, err := asn1.Marshal([]safeBag{{ID: oidKeyBag, Value: explicit(key)}})
	if err != nil {
		return asn1.RawValue{}, err
	}
	content, err := dataContent(bags)
	if err != nil {
		return asn1.RawValue{}, err
	}
	part, err := asn1.Marshal(content)
	return asn1.RawValue{FullBytes: part}, err
}

func dataContent(data []byte) (contentInfo, error) {
	octets, err := asn1.Marshal(data)
	return contentInfo{ContentType: oidData, Content: explicit(octets)}, err
}

// explicit is what encoding/asn1 wants of a RawValue in an explicitly tagged field.
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}
