package bundle

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// File names of the split format. They are the keys of a kubernetes.io/tls Secret.
const (
	SplitCertificate = "tls.crt"
	SplitKey         = "tls.key"
	SplitCA          = "ca.crt"
)

// PEM returns the leaf, the intermediates in issuing order, the root if present, and last the key
// as PKCS #8: the layout of the Key Vault VM extension for Linux, in the certificate order of RFC
// 5246, 7.4.2.
func (b *Bundle) PEM() []byte {
	return append(encodeCertificates(b.Chain()...), b.keyPEM()...)
}

// Split returns the files of the "split" format by name: tls.crt (leaf and intermediates), tls.key
// (PKCS #8) and ca.crt. ca.crt contains the root or, if the root is missing, the topmost
// intermediate; for a self-signed leaf, it contains the leaf. If the secret contains only a leaf
// that is not self-signed, Split returns no ca.crt.
func (b *Bundle) Split() map[string][]byte {
	files := map[string][]byte{
		SplitCertificate: encodeCertificates(append([]*x509.Certificate{b.Leaf}, b.Intermediates...)...),
		SplitKey:         b.keyPEM(),
	}
	chain := b.Chain()
	if top := chain[len(chain)-1]; len(chain) > 1 || selfSigned(top) {
		files[SplitCA] = encodeCertificates(top)
	}
	return files
}

// ChainAndKey returns the files of the "keyid" format: what PEM returns, in two files.
func (b *Bundle) ChainAndKey() (chain, key []byte) {
	return encodeCertificates(b.Chain()...), b.keyPEM()
}

func (b *Bundle) keyPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b.keyDER()})
}

// keyDER returns the key as PKCS #8 (RFC 5958).
func (b *Bundle) keyDER() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(b.Key)
	if err != nil {
		// Parse accepts only keys that can be encoded. The panic omits the error's text, which may
		// quote the key.
		panic(fmt.Sprintf("bundle: a %T cannot be encoded", b.Key))
	}
	return der
}

func encodeCertificates(certs ...*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, c := range certs {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return out.Bytes()
}
