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

// decodeContainer returns the certificates and the only key of a container.
func decodeContainer(der []byte) (contents, error) {
	// DecodeChain is used only because it decrypts. It returns the first certificate as the leaf,
	// which is the root in the containers that Key Vault creates. But it returns all certificates,
	// so newBundle can find the leaf by its key. The alternative, pkcs12.ToPEM, rejects Ed25519
	// keys, unknown attributes, and containers with one part.
	key, first, others, err := pkcs12.DecodeChain(der, "")
	if err != nil {
		return contents{}, err
	}
	k, err := supportedSigner(key)
	if err != nil {
		return contents{}, err
	}
	return contents{certs: append(others, first), keys: []crypto.Signer{k}}, nil
}

// decodeManyParts decodes a container with more than two parts, as GnuTLS writes them. The library
// rejects such a container, so each part is decoded in a container with two parts: itself and the
// part that has the key.
func (p *pkcs12Info) decodeManyParts() (contents, error) {
	var all contents
	for i, part := range p.parts {
		if i == p.keyPart {
			continue
		}
		c, err := decodeParts(part, p.parts[p.keyPart])
		if err != nil {
			return contents{}, err
		}
		all.certs, all.keys = append(all.certs, c.certs...), c.keys
	}
	return all, nil
}

// hasOnlyCertificates reports whether every part has certificates and no key. It decodes each part
// together with a placeholder key, because the library requires exactly one key: if the part has
// a key, too, decoding fails.
func (p *pkcs12Info) hasOnlyCertificates() bool {
	key, err := placeholderKey()
	if err != nil {
		return false
	}
	for _, part := range p.parts {
		if _, err := decodeParts(part, key); err != nil {
			return false
		}
	}
	return len(p.parts) > 0
}

// decodeParts decodes parts of a container as a separate container. Older encryption schemes derive
// different keys from an empty password and from no password. The library uses the MAC to decide
// which of the two applies, but the container's MAC does not match single parts, so decodeParts
// tries both.
func decodeParts(parts ...asn1.RawValue) (contents, error) {
	safe, err := asn1.Marshal(parts)
	if err != nil {
		return contents{}, err
	}
	content, err := dataContent(safe)
	if err != nil {
		return contents{}, err
	}
	withoutMAC, err := asn1.Marshal(pfx{Version: 3, AuthSafe: content})
	if err != nil {
		return contents{}, err
	}
	if c, err := decodeContainer(withoutMAC); err == nil {
		return c, nil
	}
	mac, err := macOfNoPassword(safe)
	if err != nil {
		return contents{}, err
	}
	withMAC, err := asn1.Marshal(pfx{Version: 3, AuthSafe: content, MacData: mac})
	if err != nil {
		return contents{}, err
	}
	return decodeContainer(withMAC)
}

// macOfNoPassword returns the MacData of a container without a password. With one iteration and a
// salt of zeros, the key derivation of RFC 7292, B.2 is a single digest.
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

// placeholderKey returns a part with a constant key.
func placeholderKey() (asn1.RawValue, error) {
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

// explicit returns the RawValue that encoding/asn1 expects in an explicitly tagged field.
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}
