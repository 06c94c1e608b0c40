//go:build windows

// Command storelist prints what a certificate store of Windows contains, as JSON: one object per
// line. It is an independent check of package winstore, and shares no code with it.
//
// Usage:
//
//	storelist LocalMachine|CurrentUser NAME
//	storelist LocalMachine|CurrentUser NAME add FILE
//
// The second form adds the certificate in a PEM file, as another program would.
package main

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// certificate is one line of the output.
type certificate struct {
	SHA1        string `json:"sha1"`
	Serial      string `json:"serial"`
	Subject     string `json:"subject"`
	Renewal     string `json:"renewal"` // SHA-1 of the certificate's successor
	Description string `json:"description"`
	Key         bool   `json:"key"` // it refers to a private key
}

// Properties of a certificate.
//
// Source: https://learn.microsoft.com/windows/win32/api/wincrypt, CertGetCertificateContextProperty
const (
	keyProvider = 2
	sha1Hash    = 3
	description = 13
	renewal     = 64
)

var getProperty = windows.NewLazySystemDLL("crypt32.dll").NewProc("CertGetCertificateContextProperty")

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "storelist:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 && (len(args) != 4 || args[2] != "add") {
		return fmt.Errorf("usage: storelist LocalMachine|CurrentUser NAME [add FILE]")
	}
	flags := uint32(windows.CERT_SYSTEM_STORE_CURRENT_USER)
	if args[0] == "LocalMachine" {
		flags = windows.CERT_SYSTEM_STORE_LOCAL_MACHINE
	}
	name, err := windows.UTF16PtrFromString(args[1])
	if err != nil {
		return err
	}
	store, err := windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM, 0, 0, flags, uintptr(unsafe.Pointer(name)))
	if err != nil {
		return err
	}
	if len(args) == 4 {
		if err := add(store, args[3]); err != nil {
			return err
		}
	} else if err := list(store); err != nil {
		return err
	}
	return windows.CertCloseStore(store, 0)
}

func add(store windows.Handle, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("%s is not a PEM file", file)
	}
	der := block.Bytes
	c, err := windows.CertCreateCertificateContext(windows.X509_ASN_ENCODING, unsafe.SliceData(der), uint32(len(der)))
	if err != nil {
		return err
	}
	defer func() { _ = windows.CertFreeCertificateContext(c) }() // always succeeds
	return windows.CertAddCertificateContextToStore(store, c, windows.CERT_STORE_ADD_NEW, nil)
}

func list(store windows.Handle) error {
	out := json.NewEncoder(os.Stdout)
	for c, _ := windows.CertEnumCertificatesInStore(store, nil); c != nil; c, _ = windows.CertEnumCertificatesInStore(store, c) {
		text := property(c, description)
		parsed, err := x509.ParseCertificate(unsafe.Slice(c.EncodedCert, c.Length))
		if err != nil {
			return err
		}
		err = out.Encode(certificate{
			Serial: parsed.SerialNumber.Text(16), Subject: parsed.Subject.CommonName,
			SHA1: hex.EncodeToString(property(c, sha1Hash)), Renewal: hex.EncodeToString(property(c, renewal)),
			Description: windows.UTF16ToString(unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(text))), len(text)/2)),
			Key:         len(property(c, keyProvider)) > 0,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// property returns a property of a certificate; empty if it does not have it.
func property(c *windows.CertContext, id uintptr) []byte {
	var size uint32
	ok, _, _ := getProperty.Call(uintptr(unsafe.Pointer(c)), id, 0, uintptr(unsafe.Pointer(&size)))
	if ok == 0 || size == 0 {
		return nil
	}
	value := make([]byte, size)
	_, _, _ = getProperty.Call(uintptr(unsafe.Pointer(c)), id, uintptr(unsafe.Pointer(unsafe.SliceData(value))), uintptr(unsafe.Pointer(&size)))
	return value[:size]
}
