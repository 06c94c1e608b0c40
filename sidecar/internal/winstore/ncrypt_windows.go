package winstore

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// Functions for private keys that package windows does not have. A key is in CNG (ncrypt.dll), or
// in a cryptographic service provider of the older API (advapi32.dll).
//
// Source: https://learn.microsoft.com/windows/win32/api/ncrypt
var (
	ncrypt           = windows.NewLazySystemDLL("ncrypt.dll")
	procNSetProperty = ncrypt.NewProc("NCryptSetProperty")
	procNDeleteKey   = ncrypt.NewProc("NCryptDeleteKey")
	procNFreeObject  = ncrypt.NewProc("NCryptFreeObject")

	advapi32         = windows.NewLazySystemDLL("advapi32.dll")
	procSetProvParam = advapi32.NewProc("CryptSetProvParam")
)

const (
	securityProperty = "Security Descr" // NCRYPT_SECURITY_DESCR_PROPERTY
	paramSecurity    = 8                // PP_KEYSET_SEC_DESCR
)

// setCNGAccess sets who has access to a key in CNG.
func setCNGAccess(key windows.Handle, sd *windows.SECURITY_DESCRIPTOR) error {
	name, err := windows.UTF16PtrFromString(securityProperty)
	if err != nil {
		return err
	}
	return status(procNSetProperty.Call(uintptr(key), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(sd)), uintptr(sd.Length()),
		windows.DACL_SECURITY_INFORMATION))
}

// deleteCNGKey deletes a key in CNG. Its handle is free then.
func deleteCNGKey(key windows.Handle) error { return status(procNDeleteKey.Call(uintptr(key), 0)) }

func freeCNGKey(key windows.Handle) { _, _, _ = procNFreeObject.Call(uintptr(key)) }

// status converts the result of a function of CNG, which returns its error.
func status(code, _ uintptr, _ error) error {
	if code != 0 {
		return windows.Errno(code)
	}
	return nil
}

// setProviderAccess sets who has access to a key in a cryptographic service provider.
func setProviderAccess(key windows.Handle, sd *windows.SECURITY_DESCRIPTOR) error {
	ok, _, err := procSetProvParam.Call(uintptr(key), paramSecurity, uintptr(unsafe.Pointer(sd)), windows.DACL_SECURITY_INFORMATION)
	if ok == 0 {
		return err
	}
	return nil
}
