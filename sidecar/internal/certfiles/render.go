package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// renderer knows from the settings what keystores are protected with.
type renderer struct{ passwordFile string }

func newRenderer(s *settings) renderer { return renderer{passwordFile: s.KeystorePasswordFile} }

// files returns a certificate's files in the given formats.
func files(m *material, formats []string, password string) (store.Files, error) {
	var f store.Files
	b, err := m.open()
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

// passwordDigest tells keystore passwords apart; its zero value is that of no keystore.
type passwordDigest [sha256.Size]byte

// password returns the keystore password for certificates that have a keystore format, and "" for others.
func (r renderer) password(c contract.Certificate) (string, passwordDigest, error) {
	if !slices.Contains(c.Formats, contract.FormatPKCS12) && !slices.Contains(c.Formats, contract.FormatJKS) {
		return "", passwordDigest{}, nil
	}
	password := []byte(contract.DefaultKeystorePass)
	if r.passwordFile != "" {
		content, err := os.ReadFile(r.passwordFile)
		if err != nil {
			return "", passwordDigest{}, fmt.Errorf("keystore password: %w", err)
		}
		password = bytes.TrimRight(content, "\r\n")
	}
	return string(password), sha256.Sum256(password), nil
}

// access says who may read a certificate's files. Names are looked up on the host; in a pod, settings
// have numbers only.
func access(c contract.Certificate) (store.Access, error) {
	a := store.Access{Mode: uint32(c.Mode)}
	for _, acl := range c.ACLs {
		if acl.User != "" {
			id, err := userID(acl.User)
			if err != nil {
				return a, unknownPrincipal(err)
			}
			a.ReadUsers = append(a.ReadUsers, id)
		}
		if acl.Group != "" {
			id, err := groupID(acl.Group)
			if err != nil {
				return a, unknownPrincipal(err)
			}
			a.ReadGroups = append(a.ReadGroups, id)
		}
	}
	return a, nil
}

func unknownPrincipal(err error) error {
	return fmt.Errorf("acls: %w: create it on this host, or correct or remove the entry; who could read, still can", err)
}

func userID(name string) (uint32, error) {
	if id, ok := contract.ParseID(name); ok {
		return id, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return number(u.Uid)
}

func groupID(name string) (uint32, error) {
	if id, ok := contract.ParseID(name); ok {
		return id, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return number(g.Gid)
}

func number(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err
}
