package winstore

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// privateKey is an open private key.
type privateKey struct {
	handle windows.Handle
	cng    bool
}

// openKey opens the private key of a certificate without asking anybody.
func openKey(c *windows.CertContext) (*privateKey, error) {
	const flags = windows.CRYPT_ACQUIRE_SILENT_FLAG | windows.CRYPT_ACQUIRE_ALLOW_NCRYPT_KEY_FLAG | windows.CRYPT_ACQUIRE_COMPARE_KEY_FLAG
	var k privateKey
	var spec uint32
	var owned bool // always true, since the key is not cached
	if err := windows.CryptAcquireCertificatePrivateKey(c, flags, nil, &k.handle, &spec, &owned); err != nil {
		return nil, err
	}
	k.cng = spec == windows.CERT_NCRYPT_KEY_SPEC
	return &k, nil
}

func (k *privateKey) close() {
	if k.cng {
		freeCNGKey(k.handle)
		return
	}
	_ = windows.CryptReleaseContext(k.handle, 0) // nothing was written with it
}

// hasKey reports whether the private key of a certificate can be used.
func hasKey(c *windows.CertContext) bool {
	k, err := openKey(c)
	if err != nil {
		return false
	}
	k.close()
	return true
}

// setAccess lets accounts use the private key of a certificate, and nobody else except SYSTEM and
// the administrators.
func setAccess(c *windows.CertContext, sids []string) error {
	sd, err := windows.SecurityDescriptorFromString(keyAccess(sids))
	if err != nil {
		return err
	}
	k, err := openKey(c)
	if err != nil {
		return err
	}
	defer k.close()
	if k.cng {
		return setCNGAccess(k.handle, sd)
	}
	return setProviderAccess(k.handle, sd)
}

// lookUp returns the SIDs of accounts.
func lookUp(accounts []string) ([]string, error) {
	sids := make([]string, len(accounts))
	for i, account := range accounts {
		sid, _, _, err := windows.LookupSID("", account)
		if err != nil {
			return nil, fmt.Errorf("accounts: %q: %w: create the account, or correct or remove the entry; existing access is unchanged", account, err)
		}
		sids[i] = sid.String()
	}
	return sids, nil
}

// keyLocation is where a private key is.
type keyLocation struct {
	container, provider string
	kind, flags         uint32 // kind 0: CNG
}

// location returns where the private key of a certificate is; the zero value if it has none.
func location(c *windows.CertContext) keyLocation {
	value := property(c, propKeyProvider)
	if value == nil {
		return keyLocation{}
	}
	// CRYPT_KEY_PROV_INFO; its strings are in the same memory.
	info := (*struct {
		container, provider *uint16
		kind, flags         uint32
	})(unsafe.Pointer(unsafe.SliceData(value)))
	return keyLocation{
		container: windows.UTF16PtrToString(info.container), provider: windows.UTF16PtrToString(info.provider),
		kind: info.kind, flags: info.flags & windows.CRYPT_MACHINE_KEYSET,
	}
}

// deleteKey deletes the private key of a certificate.
func deleteKey(c *windows.CertContext) error {
	k, err := openKey(c)
	if err != nil {
		return err
	}
	if k.cng {
		return deleteCNGKey(k.handle)
	}
	k.close()
	at := location(c)
	container, err := windows.UTF16PtrFromString(at.container)
	if err != nil {
		return err
	}
	provider, err := windows.UTF16PtrFromString(at.provider)
	if err != nil {
		return err
	}
	var deleted windows.Handle // is never valid
	return windows.CryptAcquireContext(&deleted, container, provider, at.kind, at.flags|windows.CRYPT_DELETEKEYSET|windows.CRYPT_SILENT)
}
