package bundle

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
)

// parseKey detects the format from the content, because tools disagree about the labels: PKCS #8
// (RFC 5958), PKCS #1 (RFC 8017) or SEC 1 (RFC 5915). Like OpenSSL, it accepts RSA keys with
// redundant zeros.
func parseKey(der []byte) (crypto.Signer, *Error) {
	if kind := unsupportedKeyKind(der); kind != "" {
		return nil, unsupportedKey(kind)
	}
	key, err := parseStrictKey(der)
	if err == nil {
		return supportedSigner(key)
	}
	if minimal, changed := minimalIntegers(rsaPart(der)); changed {
		if key, err := x509.ParsePKCS1PrivateKey(minimal); err == nil {
			return key, nil
		}
	}
	return nil, invalidKey(err)
}

// parseStrictKey returns a key of any kind that crypto/x509 knows.
func parseStrictKey(der []byte) (any, error) {
	var version int
	var first, second asn1.RawValue
	rest, _ := elements(der)
	rest, err := asn1.Unmarshal(rest, &version)
	if err == nil {
		rest, err = asn1.Unmarshal(rest, &first)
	}
	if err == nil {
		_, err = asn1.Unmarshal(rest, &second)
	}
	switch {
	case first.Tag == asn1.TagOctetString:
		return x509.ParseECPrivateKey(der)
	case err == nil && second.Tag == asn1.TagInteger:
		return x509.ParsePKCS1PrivateKey(der)
	default:
		return x509.ParsePKCS8PrivateKey(der)
	}
}

// elements returns the content of a SEQUENCE.
func elements(der []byte) ([]byte, error) {
	var sequence asn1.RawValue
	_, err := asn1.Unmarshal(der, &sequence)
	return sequence.Bytes, err
}

// rsaPart returns the RSA key (RFC 8017, A.1.2) of a PKCS #8 structure, or what it is given.
func rsaPart(der []byte) []byte {
	var pkcs8 struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		PrivateKey []byte
	}
	if _, err := asn1.Unmarshal(der, &pkcs8); err == nil && pkcs8.Algorithm.Algorithm.Equal(oidRSA) {
		return pkcs8.PrivateKey
	}
	return der
}

// invalidKey returns the error for a key that crypto/x509 refuses. It uses the parser's reason only
// if that describes the key: the reasons of encoding/asn1 may quote their input.
func invalidKey(err error) *Error {
	problem := "the private key is damaged or truncated"
	if reason := err.Error(); !strings.Contains(reason, "asn1:") {
		if i := strings.LastIndex(reason, "x509: "); i > 0 {
			reason = reason[i:]
		}
		problem = "the private key cannot be parsed (" + reason + ")"
	}
	return &Error{Malformed, problem, "check it with OpenSSL (openssl pkey -check), and import the certificate with its key again"}
}

func encryptedKey() *Error {
	return &Error{PasswordProtected, "the private key in the PEM data is password-protected",
		"decrypt the key, then import the certificate into Key Vault, which protects the key"}
}
