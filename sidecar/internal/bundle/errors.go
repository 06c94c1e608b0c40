package bundle

// Reason says what kind of thing is wrong. Its values are stable: they may be used in a status.
type Reason string

// Reasons of an Error.
const (
	// NotCertificate: the secret is neither PKCS #12 nor PEM, or has no certificate in it.
	NotCertificate Reason = "NotCertificate"
	// NoPrivateKey: there are certificates but no private key, as with a key that is not exportable.
	NoPrivateKey Reason = "NoPrivateKey"
	// PasswordProtected: the PKCS #12 container or the PEM key needs a password.
	PasswordProtected Reason = "PasswordProtected"
	// KeyMismatch: no certificate belongs to the private key.
	KeyMismatch Reason = "KeyMismatch"
	// SeveralKeys: more than one private key has a certificate, or a PKCS #12 container has several.
	SeveralKeys Reason = "SeveralKeys"
	// Unsupported: an algorithm, a curve or an encoding that cannot be read.
	Unsupported Reason = "Unsupported"
	// Malformed: damaged or cut off.
	Malformed Reason = "Malformed"
	// TooLarge: more than MaxValueBytes or MaxCertificates, or made to take long to decrypt.
	TooLarge Reason = "TooLarge"
	// BadPassword: the password given for a keystore cannot be used in one.
	BadPassword Reason = "BadPassword"
)

// Error is what Parse, PKCS12 and JKS return. Its text says what is wrong and what to do, and never
// holds anything of a private key or a password.
type Error struct {
	Reason Reason
	// What is wrong, for a person who has not seen the secret's value.
	What string
	// Do says what to do about it.
	Do string
}

func (e *Error) Error() string {
	if e.Do == "" {
		return e.What
	}
	return e.What + ": " + e.Do
}

// Permanent says that trying again with the same secret version gives the same error.
func (e *Error) Permanent() bool { return true }
