package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
)

// placeholders are parts of a container with constant content, for the parts that a container must
// have before the library decodes another one of it.
type placeholders struct{ key, cert, empty asn1.RawValue }

func newPlaceholders() (*placeholders, error) {
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	key, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(nil, template, template, signer.Public(), signer)
	if err != nil {
		return nil, err
	}
	bag, err := asn1.Marshal(certBag{oidX509Certificate, cert})
	if err != nil {
		return nil, err
	}
	var f placeholders
	var errs [3]error
	f.key, errs[0] = dataPart(safeBag{ID: oidKeyBag, Value: explicit(key)})
	f.cert, errs[1] = dataPart(safeBag{ID: oidCertBag, Value: explicit(bag)})
	f.empty, errs[2] = dataPart()
	return &f, errors.Join(errs[:]...)
}

// dataPart returns a part with bags that are not encrypted.
func dataPart(bags ...safeBag) (asn1.RawValue, error) {
	list, err := asn1.Marshal(append([]safeBag{}, bags...)) // an empty list, not none
	if err != nil {
		return asn1.RawValue{}, err
	}
	content, err := dataContent(list)
	if err != nil {
		return asn1.RawValue{}, err
	}
	part, err := asn1.Marshal(content)
	return asn1.RawValue{FullBytes: part}, err
}

// container returns a container with an AuthenticatedSafe.
func container(safe []byte, mac asn1.RawValue) ([]byte, error) {
	content, err := dataContent(safe)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(pfx{Version: 3, AuthSafe: content, MacData: mac})
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

func dataContent(data []byte) (contentInfo, error) {
	octets, err := asn1.Marshal(data)
	return contentInfo{ContentType: oidData, Content: explicit(octets)}, err
}

// explicit returns the RawValue that encoding/asn1 expects in an explicitly tagged field.
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}
