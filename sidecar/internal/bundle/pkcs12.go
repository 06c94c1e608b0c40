package bundle

import (
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// libraryParts is the number of parts that the library accepts in a container.
const libraryParts = 2

// readPKCS12 reads a container without a password (RFC 7292).
func readPKCS12(der []byte) (contents, error) {
	info, err := inspectPKCS12(der)
	if err != nil {
		return contents{}, err
	}
	c, err := decodeContainer(der)
	var unsupported pkcs12.NotImplementedError
	if errors.As(err, &unsupported) && len(info.parts) > libraryParts && info.keys == 1 {
		c, err = info.decodeManyParts()
	}
	if err != nil {
		return contents{}, info.explain(err)
	}
	return c, nil
}

// explain turns an error of decodeContainer into an *Error. Of the library's error texts it uses
// only those about algorithms: the others may quote decrypted data.
func (p *pkcs12Info) explain(err error) *Error {
	var known *Error
	var unsupported pkcs12.NotImplementedError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return &Error{PasswordProtected, "the PKCS #12 container is password-protected or damaged",
			"import it into Key Vault as a certificate, with its password: Key Vault then creates the secret without a password"}
	case p.keys > 1:
		return &Error{SeveralKeys, "the PKCS #12 container contains several private keys",
			"store one certificate and its key per secret"}
	case p.encrypted == 0 && p.certs == 0:
		return &Error{NotCertificate, "the PKCS #12 container contains no certificate",
			"import the certificate together with its key"}
	case p.keys == 0 && p.hasOnlyCertificates():
		return noPrivateKey()
	case errors.As(err, &unsupported):
		return &Error{Unsupported, fmt.Sprintf("the PKCS #12 container uses an unsupported feature (%s)", string(unsupported)),
			"export it again with AES-256 and SHA-256 and import it as a new version"}
	default:
		return &Error{Unsupported,
			"the PKCS #12 container has a key or certificate that is damaged or not supported", supportedKeys}
	}
}
