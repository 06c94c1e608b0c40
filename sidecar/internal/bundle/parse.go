package bundle

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode"
)

// Limits of Parse.
const (
	// MaxValueBytes limits the size of the secret's value. Key Vault's limit is 25 KB.
	//
	// Source: https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
	MaxValueBytes = 256 << 10
	// MaxCertificates limits the number of certificates in a value. A chain needs only a few, and
	// the time of the search for the chain grows with the number of certificates.
	MaxCertificates = 32
)

// Content types of secrets that back a certificate.
//
// Source: https://learn.microsoft.com/azure/key-vault/certificates/about-certificates
const (
	typePKCS12 = "application/x-pkcs12"
	typePEM    = "application/x-pem-file"
)

// Parse reads the value of a Key Vault secret that backs a certificate. The value is PEM or a
// base64-encoded PKCS #12 container without a password. Parse detects the format from the value; it
// uses contentType (the secret's, may be empty) only in error texts. The leaf is the certificate of
// the private key, regardless of the order of the certificates. What is not part of its chain, or
// cannot be read, is left out and listed in the Bundle: only the leaf and its key can fail.
//
// Every error is an *Error.
func Parse(value, contentType string) (*Bundle, error) {
	if len(value) > MaxValueBytes {
		return nil, &Error{TooLarge,
			fmt.Sprintf("the secret's value is longer than %d KiB", MaxValueBytes>>10),
			"remove everything that is not part of the certificate's chain"}
	}
	c, err := read(value, contentType)
	if err != nil {
		return nil, err
	}
	return newBundle(c)
}

// maxLayers is how often a value may be encoded as base64. Scripts encode a file that already is,
// or a PEM file, which needs no encoding.
const maxLayers = 3

func read(value, contentType string) (contents, error) {
	for range maxLayers {
		value = strings.ReplaceAll(value, "\x00", "") // UTF-16, as PowerShell writes it
		if strings.Contains(value, pemBegin) {
			return readPEM(value), nil
		}
		decoded, ok := decodeBase64(value)
		if !ok || len(decoded) == 0 {
			break
		}
		if decoded[0] == derSequence {
			return readDER(decoded)
		}
		if bytes.HasPrefix(decoded, jksMagic) || bytes.HasPrefix(decoded, jceksMagic) {
			return contents{}, &Error{Unsupported, "the value is a Java keystore (JKS or JCEKS)",
				"convert it (keytool -importkeystore -deststoretype PKCS12), and import that as a certificate"}
		}
		value = string(decoded)
	}
	return contents{}, notCertificate(contentType)
}

// The first bytes of Java's keystores.
//
// Source: sun.security.provider.JavaKeyStore and com.sun.crypto.provider.JceKeyStore of OpenJDK
var (
	jksMagic   = []byte{0xfe, 0xed, 0xfe, 0xed}
	jceksMagic = []byte{0xce, 0xce, 0xce, 0xce}
)

// readDER reads a PKCS #12 container. A certificate, a PKCS #7 file or a key alone is not enough,
// but the error can name what is missing.
func readDER(der []byte) (contents, error) {
	c, err := readPKCS12(der)
	var failed *Error
	if err == nil || errors.As(err, &failed) && failed.Reason != Malformed {
		return c, err
	}
	if cert, certErr := parseCertificate(der); certErr == nil {
		return contents{certs: []parsedCertificate{cert}, read: 1}, nil
	}
	if key, keyErr := parseKey(der); keyErr == nil {
		return contents{keys: []crypto.Signer{key}}, nil
	}
	if c := (contents{}); c.addPKCS7(der) {
		return c, nil
	}
	return contents{}, err
}

// decodeBase64 ignores white space, which users add when they store a container manually, and
// accepts the alphabet for URLs and missing padding.
func decodeBase64(value string) ([]byte, bool) {
	compact := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return -1
		case r == '-':
			return '+'
		case r == '_':
			return '/'
		}
		return r
	}, value)
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(compact, "="))
	return der, err == nil
}

func notCertificate(contentType string) *Error {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType = strings.ToLower(strings.TrimSpace(contentType))
	}
	problem := "the secret is not a certificate"
	switch mediaType {
	case typePKCS12:
		problem += ": its content type is " + typePKCS12 + ", but its value is not a base64-encoded PKCS #12 container"
	case typePEM:
		problem += ": its content type is " + typePEM + ", but its value contains no PEM block"
	default:
		problem += ": its value is neither PEM nor a base64-encoded PKCS #12 container"
	}
	return &Error{NotCertificate, problem,
		"use the secret of a Key Vault certificate, or import this value as a certificate"}
}
