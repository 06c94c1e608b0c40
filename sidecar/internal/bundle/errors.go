package bundle

import "github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"

// Reason is the kind of an Error. Its values are stable, so that a status may show them.
type Reason string

// Reasons of an Error.
const (
	// NotCertificate: the secret is neither PKCS #12 nor PEM, or it contains no certificate.
	NotCertificate Reason = "NotCertificate"
	// NoPrivateKey: the secret contains certificates but no private key, for example because the
	// key is not exportable.
	NoPrivateKey Reason = "NoPrivateKey"
	// PasswordProtected: the PKCS #12 container or the PEM key needs a password.
	PasswordProtected Reason = "PasswordProtected"
	// KeyMismatch: no certificate matches the private key.
	KeyMismatch Reason = "KeyMismatch"
	// SeveralKeys: more than one private key has a certificate, or a PKCS #12 container has several
	// private keys.
	SeveralKeys Reason = "SeveralKeys"
	// Unsupported: the algorithm, curve or encoding is not supported.
	Unsupported Reason = "Unsupported"
	// Malformed: the data is damaged or truncated.
	Malformed Reason = "Malformed"
	// TooLarge: the value exceeds MaxValueBytes or MaxCertificates, or decryption would take too
	// long.
	TooLarge Reason = "TooLarge"
	// BadPassword: the given password cannot protect a keystore.
	BadPassword Reason = "BadPassword"
)

// Error is the error type of Parse, PKCS12 and JKS. Its text says what is wrong and how to fix it,
// and never contains any part of a private key or password.
type Error struct {
	Reason Reason
	// Problem describes the error to a reader who has not seen the secret's value.
	Problem string
	// Remedy says how to fix it.
	Remedy string
}

func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Problem
	}
	return e.Problem + ": " + e.Remedy
}

// Permanent reports that another attempt with the same secret version gives the same error.
func (e *Error) Permanent() bool { return true }

// FailureReason implements certsync's behaviour of errors.
func (*Error) FailureReason() string { return contract.ReasonInvalid }
