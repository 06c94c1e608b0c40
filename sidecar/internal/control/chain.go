package control

import (
	"encoding/pem"
	"path/filepath"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/smallfile"
)

// maxFile is the largest file that is read for its certificates, in bytes.
const maxFile = 4 << 20

// chainOf returns the certificates of a store's file, in PEM. It is empty if the store has no PEM
// file for the certificate, only keystores.
func chainOf(path string) (string, error) {
	content, err := smallfile.Read(path, maxFile)
	if err != nil {
		// Format "split" without "pem".
		split, splitErr := smallfile.Read(filepath.Join(path+".d", "tls.crt"), maxFile)
		if splitErr != nil {
			return "", err
		}
		content = split
	}
	return certificatesOnly(content), nil
}

// certificatesOnly returns the blocks that are certificates, without comments and headers. All
// others, such as the key, are left out.
func certificatesOnly(content []byte) string {
	var b strings.Builder
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			return b.String()
		}
		if block.Type == "CERTIFICATE" {
			b.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
		}
		content = rest
	}
}
