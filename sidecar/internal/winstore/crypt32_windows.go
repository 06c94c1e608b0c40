package winstore

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// Functions and constants of the cryptography API that package windows does not have.
//
// Source: https://learn.microsoft.com/windows/win32/api/wincrypt
var (
	crypt32                    = windows.NewLazySystemDLL("crypt32.dll")
	procSetCertificateProperty = crypt32.NewProc("CertSetCertificateContextProperty")
	procGetCertificateProperty = crypt32.NewProc("CertGetCertificateContextProperty")
	procControlStore           = crypt32.NewProc("CertControlStore")
)

const (
	propKeyProvider  = 2  // CERT_KEY_PROV_INFO_PROP_ID
	propFriendlyName = 11 // CERT_FRIENDLY_NAME_PROP_ID
	propDescription  = 13 // CERT_DESCRIPTION_PROP_ID
	propRenewal      = 64 // CERT_RENEWAL_PROP_ID

	ctrlCommit = 3 // CERT_STORE_CTRL_COMMIT
)

// property returns a property of a certificate, and nil if it does not have it.
func property(c *windows.CertContext, id uint32) []byte {
	var size uint32
	if ok, _, _ := procGetCertificateProperty.Call(uintptr(unsafe.Pointer(c)), uintptr(id), 0, uintptr(unsafe.Pointer(&size))); ok == 0 || size == 0 {
		return nil
	}
	value := make([]byte, size)
	ok, _, _ := procGetCertificateProperty.Call(uintptr(unsafe.Pointer(c)), uintptr(id),
		uintptr(unsafe.Pointer(unsafe.SliceData(value))), uintptr(unsafe.Pointer(&size)))
	if ok == 0 {
		return nil
	}
	return value[:size]
}

// setProperty sets a property of a certificate. If the certificate is in a store, the store keeps
// the property.
func setProperty(c *windows.CertContext, id uint32, value []byte) error {
	blob := windows.CryptDataBlob{Size: uint32(len(value)), Data: unsafe.SliceData(value)}
	ok, _, err := procSetCertificateProperty.Call(uintptr(unsafe.Pointer(c)), uintptr(id), 0, uintptr(unsafe.Pointer(&blob)))
	if ok == 0 {
		return err
	}
	return nil
}

// clearProperty removes a property of a certificate.
func clearProperty(c *windows.CertContext, id uint32) error {
	ok, _, err := procSetCertificateProperty.Call(uintptr(unsafe.Pointer(c)), uintptr(id), 0, 0)
	if ok == 0 {
		return err
	}
	return nil
}

// text returns a property that is a string.
func text(c *windows.CertContext, id uint32) string {
	value := property(c, id)
	if len(value) < 2 {
		return ""
	}
	return windows.UTF16ToString(unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(value))), len(value)/2))
}

func setText(c *windows.CertContext, id uint32, value string) error {
	utf16, err := windows.UTF16FromString(value)
	if err != nil {
		return err
	}
	return setProperty(c, id, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(utf16))), 2*len(utf16)))
}

// commitStore writes what has changed in a store.
func commitStore(store windows.Handle) error {
	ok, _, err := procControlStore.Call(uintptr(store), 0, ctrlCommit, 0)
	if ok == 0 {
		return err
	}
	return nil
}

// encoded returns the certificate in DER.
func encoded(c *windows.CertContext) []byte { return unsafe.Slice(c.EncodedCert, c.Length) }
