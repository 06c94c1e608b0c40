//go:build !windows

package certfiles

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/smallfile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// files returns the files of a certificate in its formats.
func files(item certsync.Item[Content], password string) (store.Files, error) {
	var f store.Files
	b, err := item.Content.Bundle()
	if err != nil {
		return f, err
	}
	for _, format := range item.Certificate.Formats {
		switch format {
		case contract.FormatPEM:
			f.PEM = b.PEM()
		case contract.FormatSplit:
			f.Split = b.Split()
		case contract.FormatPKCS12:
			f.PKCS12, err = b.PKCS12(password)
		case contract.FormatJKS:
			f.JKS, err = b.JKS(password)
		case contract.FormatKeyID:
			f.KeyID, err = keyID(b, item.Installed)
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// metadata is the content of the file with store.SuffixMetadata. The content of the extension's
// file is not documented; programs watch it and do not read it.
type metadata struct {
	Certificate string    `json:"certificate"` // "<vault>.<name>"
	Version     string    `json:"version"`
	Fingerprint string    `json:"fingerprint"` // SHA-256, hexadecimal
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
}

// keyID returns the files of the format "keyid" by suffix.
func keyID(b *bundle.Bundle, in certsync.Installed) (map[string][]byte, error) {
	chain, key := b.ChainAndKey()
	text, err := json.MarshalIndent(metadata{
		Certificate: in.FileName, Version: in.Version,
		Fingerprint: b.Fingerprint(), NotBefore: b.NotBefore().UTC(), NotAfter: b.NotAfter().UTC(),
	}, "", "  ")
	return map[string][]byte{
		store.SuffixChain: chain, store.SuffixKey: key, store.SuffixMetadata: append(text, '\n'),
	}, err
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
