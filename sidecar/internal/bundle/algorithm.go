package bundle

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// supportedKeys is the remedy for an unsupported key.
const supportedKeys = "use an RSA, EC (P-256, P-384, P-521) or Ed25519 key"

// Identifiers of the supported key algorithms and curves (RFC 8017, A.1; RFC 5480, 2.1.1; RFC 8410,
// 3).
var (
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC      = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidP256    = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidP384    = asn1.ObjectIdentifier{1, 3, 132, 0, 34}
	oidP521    = asn1.ObjectIdentifier{1, 3, 132, 0, 35}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// unsupportedKinds describes the algorithms and curves that are known but not supported. Key Vault
// offers one of them: P-256K.
//
// Source: https://learn.microsoft.com/azure/key-vault/keys/about-keys
var unsupportedKinds = map[string]string{
	"1.2.840.113549.1.1.10": "an RSASSA-PSS key",
	"1.2.840.10040.4.1":     "a DSA key",
	"1.3.101.110":           "an X25519 key",
	"1.3.101.111":           "an X448 key",
	"1.3.101.113":           "an Ed448 key",
	"1.3.132.0.10":          "an EC key on the curve P-256K (secp256k1)",
	"1.3.132.0.33":          "an EC key on the curve P-224",
	"1.2.840.10045.3.1.1":   "an EC key on the curve P-192",
	"1.3.36.3.3.2.8.1.1.7":  "an EC key on the curve brainpoolP256r1",
	"1.3.36.3.3.2.8.1.1.11": "an EC key on the curve brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.13": "an EC key on the curve brainpoolP512r1",
}

// supportedSigner returns the key if a TLS server can use it, and an error otherwise.
func supportedSigner(key any) (crypto.Signer, *Error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521() {
			return k, nil
		}
		return nil, unsupportedKey("an EC key on the curve " + k.Curve.Params().Name)
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, unsupportedKey("")
}

// unsupportedKey returns the error for an unsupported key. The kind is empty if it is unknown.
func unsupportedKey(kind string) *Error {
	problem := "the private key is damaged or its type is not supported"
	if kind != "" {
		problem = "the private key is " + kind + ", which is not supported"
	}
	return &Error{Unsupported, problem, supportedKeys}
}

// unsupportedKeyKind returns the kind of the key in a PKCS #8 or SEC 1 structure, or "" if the kind
// is supported or unknown.
func unsupportedKeyKind(der []byte) string {
	var pkcs8 struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
	}
	if _, err := asn1.Unmarshal(der, &pkcs8); err == nil {
		return unsupportedKind(pkcs8.Algorithm)
	}
	var sec1 struct {
		Version    int
		PrivateKey []byte
		Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &sec1); err == nil {
		return unsupportedCurve(sec1.Curve)
	}
	return ""
}

// unsupportedCertificateKind is like unsupportedKeyKind, for the public key of a certificate.
func unsupportedCertificateKind(der []byte) string {
	var cert struct {
		TBS struct {
			Version   int `asn1:"optional,explicit,tag:0"`
			Serial    asn1.RawValue
			Signature asn1.RawValue
			Issuer    asn1.RawValue
			Validity  asn1.RawValue
			Subject   asn1.RawValue
			Key       struct{ Algorithm pkix.AlgorithmIdentifier }
		}
	}
	if _, err := asn1.Unmarshal(der, &cert); err != nil {
		return ""
	}
	return unsupportedKind(cert.TBS.Key.Algorithm)
}

func unsupportedKind(a pkix.AlgorithmIdentifier) string {
	switch {
	case a.Algorithm.Equal(oidRSA), a.Algorithm.Equal(oidEd25519):
		return ""
	case a.Algorithm.Equal(oidEC):
		var curve asn1.ObjectIdentifier
		if len(a.Parameters.FullBytes) > 0 && !unmarshal(a.Parameters.FullBytes, &curve) {
			return "an EC key with explicit curve parameters"
		}
		return unsupportedCurve(curve)
	}
	return cmp.Or(unsupportedKinds[a.Algorithm.String()], "a key with the algorithm "+a.Algorithm.String())
}

func unsupportedCurve(curve asn1.ObjectIdentifier) string {
	if len(curve) == 0 || curve.Equal(oidP256) || curve.Equal(oidP384) || curve.Equal(oidP521) {
		return ""
	}
	return cmp.Or(unsupportedKinds[curve.String()], "an EC key on the curve "+curve.String())
}
