package bundle

import (
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// libraryParts is how many parts the library takes.
const libraryParts = 2

// readPKCS12 reads a container that has no password (RFC 7292).
func readPKCS12(der []byte) (material, error) {
	outline, err := outlinePKCS12(der)
	if err != nil {
		return material{}, err
	}
	m, err := decodeContainer(der)
	var refused pkcs12.NotImplementedError
	if errors.As(err, &refused) && len(outline.parts) > libraryParts && outline.keys == 1 {
		m, err = outline.readParts()
	}
	if err != nil {
		return material{}, explainPKCS12(outline, err)
	}
	return m, nil
}

// explainPKCS12 tells what decodeContainer stumbled over. Of the library's own texts only those about
// algorithms are used: the others may quote what was decrypted.
func explainPKCS12(o *outline, err error) *Error {
	var known *Error
	var unsupported pkcs12.NotImplementedError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return &Error{PasswordProtected, "the PKCS #12 container is protected by a password, or damaged",
			"import it into Key Vault as a certificate, with its password; the secret is then made without one"}
	case o.keys > 1:
		return &Error{SeveralKeys, "the PKCS #12 container has several private keys",
			"store one certificate and its key per secret"}
	case o.encrypted == 0 && o.certs == 0:
		return &Error{NotCertificate, "the PKCS #12 container has no certificate in it",
			"import the certificate together with its key"}
	case o.keys == 0 && o.hasOnlyCertificates():
		return noPrivateKey()
	case errors.As(err, &unsupported):
		return &Error{Unsupported, fmt.Sprintf("the PKCS #12 container uses what is not supported (%s)", string(unsupported)),
			"export it again with AES-256 and SHA-256 and import it as a new version"}
	default:
		return &Error{Unsupported,
			"the PKCS #12 container has a key or certificate that is damaged or of a kind that is not supported", supportedKeys}
	}
}
