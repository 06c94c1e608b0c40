//go:build !windows

package certfiles

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/smallfile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// files returns a certificate's files in the given formats.
func files(c *Content, formats []string, password string) (store.Files, error) {
	var f store.Files
	b, err := c.Bundle()
	if err != nil {
		return f, err
	}
	for _, format := range formats {
		switch format {
		case contract.FormatPEM:
			f.PEM = b.PEM()
		case contract.FormatSplit:
			f.Split = b.Split()
		case contract.FormatPKCS12:
			f.PKCS12, err = b.PKCS12(password)
		case contract.FormatJKS:
			f.JKS, err = b.JKS(password)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// passwordDigest identifies a keystore password. The zero value stands for a certificate without
// keystores, and for keystores of an earlier process.
type passwordDigest [sha256.Size]byte

// keystorePassword returns the password for a certificate with a keystore format, and "" for
// others.
func keystorePassword(c contract.Certificate, file string) (string, passwordDigest, error) {
	if !slices.Contains(c.Formats, contract.FormatPKCS12) && !slices.Contains(c.Formats, contract.FormatJKS) {
		return "", passwordDigest{}, nil
	}
	password := []byte(contract.DefaultKeystorePass)
	if file != "" {
		content, err := smallfile.Read(file, smallfile.MaxSecret)
		if err != nil {
			return "", passwordDigest{}, fmt.Errorf("keystore password: %w: "+
				"keystorePasswordFile must name a file that contains the password", err)
		}
		password = bytes.TrimRight(content, "\r\n")
	}
	return string(password), sha256.Sum256(password), nil
}
