package bundle

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

const pemBegin = "-----BEGIN "

// readPEM takes certificates and keys in any order and ignores blocks of other kinds.
func readPEM(value string) (material, error) {
	var m material
	rest, read := []byte(strings.TrimPrefix(value, "\ufeff")), 0 // a byte order mark, which some editors write
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		read++
		if err := m.add(block); err != nil {
			return material{}, err
		}
	}
	// The decoder skips what it cannot read. A chain with a hole, or a leaf with another one's key,
	// must not come of that.
	if begun := strings.Count(value, pemBegin); begun != read {
		what := fmt.Sprintf("%d of %d PEM blocks are damaged or cut off", begun-read, begun)
		if !strings.Contains(strings.TrimSpace(value), "\n") {
			return material{}, &Error{Malformed, what + ": the value has lost its line breaks",
				"store it from a file (az keyvault secret set --file), or import it as a certificate"}
		}
		return material{}, &Error{Malformed, what, "import the certificate again"}
	}
	return m, nil
}

func (m *material) add(block *pem.Block) error {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return unreadable(block.Bytes, len(m.certs)+1)
		}
		m.certs = append(m.certs, cert)
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		// RFC 1421 encryption, which OpenSSL writes with these block types.
		if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return encryptedKey()
		}
		key, err := parseKey(block.Bytes)
		if err != nil {
			return err
		}
		m.keys = append(m.keys, key)
	case "ENCRYPTED PRIVATE KEY":
		return encryptedKey()
	case "DSA PRIVATE KEY":
		return unsupportedKey("a DSA key")
	case "OPENSSH PRIVATE KEY":
		return unsupportedKey("in OpenSSH's own form")
	case "ANY PRIVATE KEY":
		return unsupportedKey("")
	}
	return nil
}

// unreadable is about the n-th certificate.
func unreadable(der []byte, n int) *Error {
	if kind := unsupportedCertificateKind(der); kind != "" {
		return &Error{Unsupported, fmt.Sprintf("certificate %d of the PEM data is for %s, which is not supported", n, kind), supportedKeys}
	}
	return &Error{Malformed, fmt.Sprintf("certificate %d of the PEM data cannot be read", n), "import the certificate again"}
}

func encryptedKey() *Error {
	return &Error{PasswordProtected, "the private key in the PEM data is protected by a password",
		"import the certificate into Key Vault with its key decrypted; Key Vault protects it"}
}

// parseKey goes by the content, since tools disagree about the labels: PKCS #8 (RFC 5958), PKCS #1
// (RFC 8017) or SEC 1 (RFC 5915). The parsers' errors are left out: they may quote what they read.
func parseKey(der []byte) (crypto.Signer, error) {
	if kind := unsupportedKeyKind(der); kind != "" {
		return nil, unsupportedKey(kind)
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return signer(key)
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, unsupportedKey("")
}
