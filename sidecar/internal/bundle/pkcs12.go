package bundle

import (
	"errors"

	"software.sslmate.com/src/go-pkcs12"
)

// readPKCS12 reads a container that has no password (RFC 7292).
//
// pkcs12.DecodeChain is used for its decryption only. It takes the first certificate for the leaf,
// which in a container that Key Vault made is the root, but it does hand out all certificates in their
// order; the leaf is then found by its key. pkcs12.ToPEM refuses Ed25519 keys, attributes that it does
// not know, and containers with one part.
func readPKCS12(der []byte) (material, error) {
	outline, err := outlinePKCS12(der)
	if err != nil {
		return material{}, err
	}
	key, first, others, err := pkcs12.DecodeChain(der, "")
	if err != nil {
		return material{}, explainPKCS12(outline, err)
	}
	m := material{certs: append(others, first)}
	k, err := signer(key)
	if err != nil {
		return material{}, err
	}
	m.keys = append(m.keys, k)
	return m, nil
}

// explainPKCS12 tells what DecodeChain stumbled over. Of the library's own texts only those about
// algorithms are used: the others may quote what was decrypted.
func explainPKCS12(o *outline, err error) *Error {
	var unsupported pkcs12.NotImplementedError
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return &Error{PasswordProtected, "the PKCS #12 container is protected by a password, or damaged",
			"import it into Key Vault as a certificate, with its password; the secret is then made without one"}
	case errors.As(err, &unsupported):
		return &Error{Unsupported, "the PKCS #12 container uses what is not supported (" + string(unsupported) + ")",
			"export it again with AES-256 and SHA-256 and import it as a new version"}
	case o.keys > 1:
		return &Error{SeveralKeys, "the PKCS #12 container has several private keys",
			"store one certificate and its key per secret"}
	case o.encrypted == 0 && o.certs == 0:
		return &Error{NotCertificate, "the PKCS #12 container has no certificate in it",
			"import the certificate together with its key"}
	case o.keys == 0 && o.hasOnlyCertificates():
		return noPrivateKey()
	default:
		return &Error{Unsupported,
			"the PKCS #12 container has a key or certificate that is damaged or of a kind that is not supported",
			"use an RSA, EC (P-256, P-384, P-521) or Ed25519 key"}
	}
}
