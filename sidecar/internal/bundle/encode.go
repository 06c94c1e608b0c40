package bundle

// PEM returns leaf, intermediates in issuing order, root if present, and the key last, as PKCS #8:
// the layout of the Key Vault VM extension for Linux, and the certificate order of RFC 5246, 7.4.2.
func (b *Bundle) PEM() []byte { panic("being written") }

// Split returns the files of the "split" format by name: tls.crt (leaf and intermediates), tls.key
// (PKCS #8) and ca.crt (the root, or else the topmost certificate above the leaf, or else a self-signed
// leaf). ca.crt is missing where only a leaf is there that another one signed.
func (b *Bundle) Split() map[string][]byte { panic("being written") }

// PKCS12 returns a PKCS #12 container (AES-256, SHA-256) of key and chain. The password must be
// printable ASCII and not empty, which is what Java can open; otherwise an *Error with BadPassword
// comes back. The same bundle and password give the same bytes.
func (b *Bundle) PKCS12(password string) ([]byte, error) { panic("being written") }

// JKS returns a Java keystore with one entry, "certificate", of key and chain. The same holds for the
// password and the bytes as for PKCS12.
func (b *Bundle) JKS(password string) ([]byte, error) { panic("being written") }
