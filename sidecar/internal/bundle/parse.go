package bundle

// Limits on what Parse takes.
const (
	// MaxValueBytes bounds the secret's value. Key Vault's own limit is 25 KB.
	//
	// Source: https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
	MaxValueBytes = 256 << 10
	// MaxCertificates bounds how many certificates may be in one value.
	MaxCertificates = 32
)

// Parse reads the value of a Key Vault secret that backs a certificate. The value is PEM, or base64 of
// a PKCS #12 container without a password; which one it is is told by looking at it, and contentType
// (the secret's, may be empty) only words the error. The leaf is found by the private key, whatever
// the order of the certificates, and those that are no part of its chain are left out.
//
// Every error is an *Error.
func Parse(value, contentType string) (*Bundle, error) { panic("being written") }
