package bundle

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

const pemBegin = "-----BEGIN "

// readPEM reads certificates and keys in any order and ignores blocks of other types.
func readPEM(value string) (contents, error) {
	var c contents
	rest, read := []byte(strings.TrimPrefix(value, "\ufeff")), 0 // some editors write a byte order mark
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		read++
		if err := c.add(block); err != nil {
			return contents{}, err
		}
	}
	// The decoder skips blocks that it cannot read. Without this check, the result could be a chain
	// with a gap, or a leaf with the wrong key.
	if begun := strings.Count(value, pemBegin); begun != read {
		problem := fmt.Sprintf("%d of %d PEM blocks are damaged or truncated", begun-read, begun)
		if !strings.Contains(strings.TrimSpace(value), "\n") {
			return contents{}, &Error{Malformed, problem + ": the value has lost its line breaks",
				"store it from a file (az keyvault secret set --file), or import it as a certificate"}
		}
		return contents{}, &Error{Malformed, problem, "import the certificate again"}
	}
	return c, nil
}

func (c *contents) add(block *pem.Block) error {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return invalidCertificate(block.Bytes, len(c.certs)+1)
		}
		c.certs = append(c.certs, cert)
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		// OpenSSL uses these block types for keys with RFC 1421 encryption, too.
		if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return encryptedKey()
		}
		key, err := parseKey(block.Bytes)
		if err != nil {
			return err
		}
		c.keys = append(c.keys, key)
	case "ENCRYPTED PRIVATE KEY":
		return encryptedKey()
	case "DSA PRIVATE KEY":
		return unsupportedKey("a DSA key")
	case "OPENSSH PRIVATE KEY":
		return unsupportedKey("in OpenSSH format")
	case "ANY PRIVATE KEY":
		return unsupportedKey("")
	}
	return nil
}

// invalidCertificate returns the error for the n-th certificate.
func invalidCertificate(der []byte, n int) *Error {
	if kind := unsupportedCertificateKind(der); kind != "" {
		return &Error{Unsupported,
			fmt.Sprintf("certificate %d in the PEM data has %s, which is not supported", n, kind), supportedKeys}
	}
	return &Error{Malformed, fmt.Sprintf("certificate %d in the PEM data cannot be parsed", n), "import the certificate again"}
}

func encryptedKey() *Error {
	return &Error{PasswordProtected, "the private key in the PEM data is password-protected",
		"decrypt the key, then import the certificate into Key Vault, which protects the key"}
}

// parseKey detects the format from the content, because tools disagree about the labels: PKCS #8
// (RFC 5958), PKCS #1 (RFC 8017) or SEC 1 (RFC 5915). It omits the parsers' errors, which may quote
// their input.
func parseKey(der []byte) (crypto.Signer, error) {
	if kind := unsupportedKeyKind(der); kind != "" {
		return nil, unsupportedKey(kind)
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return supportedSigner(key)
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, unsupportedKey("")
}
