package bundle

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// Names of the files of the split format, which are those of a kubernetes.io/tls Secret.
const (
	SplitCertificate = "tls.crt"
	SplitKey         = "tls.key"
	SplitCA          = "ca.crt"
)

// PEM returns leaf, intermediates in issuing order, root if present, and the key last, as PKCS #8:
// the layout of the Key Vault VM extension for Linux, and the certificate order of RFC 5246, 7.4.2.
func (b *Bundle) PEM() []byte {
	return append(encodeCertificates(b.Chain()...), b.keyPEM()...)
}

// Split returns the files of the "split" format by name: tls.crt (leaf and intermediates), tls.key
// (PKCS #8) and ca.crt (the root, or else the topmost certificate above the leaf, or else a self-signed
// leaf). ca.crt is missing where only a leaf is there that another one signed.
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

func (b *Bundle) keyPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b.keyDER()})
}

// keyDER returns the key as PKCS #8 (RFC 5958).
func (b *Bundle) keyDER() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(b.Key)
	if err != nil {
		// Parse lets no key in that cannot be encoded. The error's text is left out of the panic.
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
