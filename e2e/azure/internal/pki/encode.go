package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"

	"software.sslmate.com/src/go-pkcs12"
)

// Encoding is the encoding of a certificate-backed secret's value.
type Encoding string

// The encodings. PKCS #12 values are base64, with an empty password.
const (
	PKCS12AES Encoding = "pkcs12-aes"
	PKCS12DES Encoding = "pkcs12-3des"
	PKCS12RC2 Encoding = "pkcs12-rc2"
	PEM       Encoding = "pem"
)

// Content types of certificate-backed secrets (Key Vault's "contentType").
const (
	ContentTypePKCS12 = "application/x-pkcs12"
	ContentTypePEM    = "application/x-pem-file"
)

// Order is the order of the certificates in a value.
type Order string

// The orders. Key Vault's order differs between PKCS #12 and PEM.
const (
	OrderKeyVault  Order = ""
	OrderLeafFirst Order = "leaf-first"
	OrderRootFirst Order = "root-first"
	OrderShuffled  Order = "shuffled"
)

var encoders = map[Encoding]*pkcs12.Encoder{
	"":        pkcs12.Modern2023,
	PKCS12AES: pkcs12.Modern2023,
	PKCS12DES: pkcs12.LegacyDES,
	PKCS12RC2: pkcs12.LegacyRC2,
}

// Check returns an error if Encode does not know the encoding or the order.
func Check(e Encoding, o Order) error {
	if _, ok := encoders[e]; !ok && e != PEM {
		return fmt.Errorf("unknown encoding %q (want %s, %s, %s or %s)", e, PKCS12AES, PKCS12DES, PKCS12RC2, PEM)
	}
	switch o {
	case OrderKeyVault, OrderLeafFirst, OrderRootFirst, OrderShuffled:
		return nil
	}
	return fmt.Errorf("unknown order %q (want %s, %s, %s or none)", o, OrderLeafFirst, OrderRootFirst, OrderShuffled)
}

// Encode encodes a chain (leaf first) and a key (nil omits it) as Key Vault does in a secret's
// value. It also returns the content type.
func Encode(chain []*x509.Certificate, key crypto.Signer, e Encoding, o Order) (value, contentType string, err error) {
	if err := Check(e, o); err != nil {
		return "", "", err
	}
	if o == OrderKeyVault {
		o = OrderRootFirst
		if e == PEM {
			o = OrderLeafFirst
		}
	}
	certs := ordered(chain, o)
	if e == PEM {
		data, err := encodePEM(certs, key)
		return string(data), ContentTypePEM, err
	}
	data, err := encodePKCS12(encoders[e], certs, key)
	return base64.StdEncoding.EncodeToString(data), ContentTypePKCS12, err
}

func ordered(chain []*x509.Certificate, o Order) []*x509.Certificate {
	certs := slices.Clone(chain)
	switch o {
	case OrderRootFirst:
		slices.Reverse(certs)
	case OrderShuffled:
		// Rotated instead of random, so that failures are reproducible. With three certificates the
		// leaf is in the middle and its issuer last.
		certs = append(certs[len(certs)-1:], certs[:len(certs)-1]...)
	}
	return certs
}

// encodePKCS12 keeps the order of certs. The library treats the first certificate as the leaf and
// marks it with the key's localKeyId. So that attribute is wrong unless the leaf is first: readers
// must find the leaf by its public key.
func encodePKCS12(enc *pkcs12.Encoder, certs []*x509.Certificate, key crypto.Signer) ([]byte, error) {
	if key == nil {
		return enc.EncodeTrustStore(certs, "")
	}
	return enc.Encode(key, certs[0], certs[1:], "")
}

// encodePEM writes the PKCS #8 key before the certificates, as Key Vault does.
func encodePEM(certs []*x509.Certificate, key crypto.Signer) ([]byte, error) {
	if key == nil {
		return encodeCerts(certs), nil
	}
	data, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return append(data, encodeCerts(certs)...), nil
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// EncodeChain encodes certificates in PEM in the given order.
func EncodeChain(certs []*x509.Certificate) string { return string(encodeCerts(certs)) }

func encodeCerts(certs []*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.Bytes()
}
