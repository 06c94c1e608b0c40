package bundle

import (
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// readPKCS12 reads a container without a password (RFC 7292). The error is an *Error.
func readPKCS12(der []byte) (contents, error) {
	info, err := inspectPKCS12(der)
	if err != nil {
		return contents{}, err
	}
	c, err := decodeContainer(der) // checks the MAC, and reads most containers
	switch {
	case err == nil:
		return c, nil
	case isLocked(err):
		return contents{}, explainLibrary(err)
	}
	if c, bagsErr := info.decodeBags(); bagsErr == nil {
		return c, nil
	}
	return contents{}, explainLibrary(err)
}

func isLocked(err error) bool {
	return errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption)
}

// explainLibrary turns an error of the library into an *Error. It uses only the error texts about
// algorithms: the others may quote decrypted data.
func explainLibrary(err error) *Error {
	const remedy = "export it again with OpenSSL (openssl pkcs12) and import it as a new version"
	var unsupported pkcs12.NotImplementedError
	switch {
	case isLocked(err):
		return &Error{PasswordProtected, "the PKCS #12 container is password-protected or damaged",
			"import it into Key Vault as a certificate, with its password: Key Vault then creates the secret without a password"}
	case errors.As(err, &unsupported):
		return &Error{Unsupported, fmt.Sprintf("the PKCS #12 container uses an unsupported feature (%s)", string(unsupported)), remedy}
	default:
		return &Error{Unsupported, "a part of the PKCS #12 container cannot be decoded", remedy}
	}
}
