package bundle

import (
	"crypto"
	"encoding/asn1"
	"encoding/pem"
	"errors"

	"software.sslmate.com/src/go-pkcs12"
)

// decodeContainer returns the certificates and the only key of a container. It fails if crypto/x509
// refuses one of them.
func decodeContainer(der []byte) (contents, error) {
	// DecodeChain is used only because it decrypts. It returns the first certificate as the leaf,
	// which is the root in the containers that Key Vault creates. But it returns all certificates,
	// so newBundle can find the leaf by its key.
	key, first, others, err := pkcs12.DecodeChain(der, "")
	if err != nil {
		return contents{}, err
	}
	var c contents
	if k, unsupported := supportedSigner(key); unsupported == nil {
		c.keys = []crypto.Signer{k}
	} else {
		c.keyErrors = []*Error{unsupported}
	}
	for _, cert := range append(others, first) {
		c.addCertificate(cert.Raw)
	}
	return c, nil
}

// decodeRaw is like decodeContainer, but leaves parsing the certificates to this package. It fails
// if there are Ed25519 keys, keys that are not encrypted, or unknown attributes.
func decodeRaw(der []byte) (contents, error) {
	blocks, err := pkcs12.ToPEM(der, "") //nolint:staticcheck // the only function that does not parse certificates
	if err != nil {
		return contents{}, err
	}
	var c contents
	for _, block := range blocks {
		c.addBlock(&pem.Block{Type: block.Type, Bytes: block.Bytes})
	}
	return c, nil
}

// decodeBags decodes each bag and each encrypted part of a container separately, and lists what
// cannot be read. The library rejects a container as a whole if it has more than two parts, as
// GnuTLS writes it, several keys, no key, or a certificate that crypto/x509 refuses.
func (p *pkcs12Info) decodeBags() (contents, error) {
	fill, err := newPlaceholders()
	if err != nil {
		return contents{}, err
	}
	var c contents
	for _, bag := range p.bags {
		switch {
		case bag.ID.Equal(oidCertBag):
			c.addCertificateBag(bag.Value.Bytes)
		case bag.ID.Equal(oidKeyBag):
			c.addKey(bag.Value.Bytes)
		case bag.ID.Equal(oidShroudedBag):
			inside, err := fill.decodeKey(bag)
			if err != nil {
				inside.keyErrors = []*Error{invalidKey(err)}
			}
			c.add(inside)
		}
	}
	for _, part := range p.encrypted {
		inside, err := fill.decodePart(part)
		if err != nil {
			return contents{}, err
		}
		c.add(inside)
	}
	return c, nil
}

// certBag is a CertBag (RFC 7292, 4.2.3).
type certBag struct {
	ID   asn1.ObjectIdentifier
	Data []byte `asn1:"tag:0,explicit"`
}

func (c *contents) addCertificateBag(der []byte) {
	var bag certBag
	if !unmarshal(der, &bag) {
		c.addCertificateError("is damaged")
		return
	}
	c.addCertificate(bag.Data)
}

// decodeKey decrypts the key of a bag.
func (f *placeholders) decodeKey(bag safeBag) (contents, error) {
	part, err := dataPart(safeBag{ID: bag.ID, Value: bag.Value})
	if err != nil {
		return contents{}, err
	}
	c, err := decodeParts(decodeContainer, part, f.cert)
	c.certs, c.read = nil, 0 // the placeholder
	return c, err
}

// decodePart decrypts an encrypted part, which usually contains only certificates.
func (f *placeholders) decodePart(part asn1.RawValue) (contents, error) {
	if c, err := decodeParts(decodeContainer, part, f.key); err == nil {
		c.keys = nil // the placeholder
		return c, nil
	}
	return decodeParts(decodeRaw, part, f.empty)
}

// decodeParts decodes parts of a container as a separate container. Older encryption schemes derive
// different keys from an empty password and from no password. The library uses the MAC to decide
// which of the two applies, but the container's MAC does not match single parts, so decodeParts
// tries both.
func decodeParts(decode func(der []byte) (contents, error), parts ...asn1.RawValue) (contents, error) {
	safe, err := asn1.Marshal(parts)
	if err != nil {
		return contents{}, err
	}
	withoutMAC, err := container(safe, asn1.RawValue{})
	if err != nil {
		return contents{}, err
	}
	c, errEmpty := decode(withoutMAC)
	if errEmpty == nil {
		return c, nil
	}
	mac, err := macOfNoPassword(safe)
	if err != nil {
		return contents{}, err
	}
	withMAC, err := container(safe, mac)
	if err != nil {
		return contents{}, err
	}
	if c, err = decode(withMAC); errors.Is(err, pkcs12.ErrDecryption) {
		err = errEmpty // it names the cause, because the password is empty
	}
	return c, err
}
