package winstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

// importKey makes Windows keep the private key of a bundle, and returns the leaf, which refers to
// it. The caller calls free when it has used the leaf. If it does not add the leaf to a store, it
// must call deleteKey, since nothing else refers to the key then. A process that dies in between
// leaves an unused key.
func importKey(b *bundle.Bundle, machine, exportable bool) (leaf *windows.CertContext, free func(), err error) {
	password := rand.Text()
	pfx, err := b.WindowsPKCS12(password)
	if err != nil {
		return nil, nil, err
	}
	flags := uint32(windows.CRYPT_USER_KEYSET)
	if machine {
		flags = windows.CRYPT_MACHINE_KEYSET
	}
	if exportable {
		flags |= windows.CRYPT_EXPORTABLE
	}
	store, err := importPFX(pfx, password, flags)
	if err != nil {
		return nil, nil, fmt.Errorf("the private key (%s) cannot be imported into Windows: %s", b.KeyType(), explain(err))
	}
	leaf, err = windows.CertEnumCertificatesInStore(store, nil)
	if err != nil {
		_ = windows.CertCloseStore(store, 0) // it is only in memory
		return nil, nil, fmt.Errorf("the certificate of the imported private key is missing: %w", err)
	}
	return leaf, func() {
		_ = windows.CertFreeCertificateContext(leaf) // always succeeds
		_ = windows.CertCloseStore(store, 0)
	}, nil
}

// importPFX imports the key into CNG, or if that fails, into a cryptographic service provider of
// the older API.
func importPFX(pfx []byte, password string, flags uint32) (windows.Handle, error) {
	utf16, err := windows.UTF16PtrFromString(password)
	if err != nil {
		return 0, err
	}
	blob := windows.CryptDataBlob{Size: uint32(len(pfx)), Data: unsafe.SliceData(pfx)}
	store, err := windows.PFXImportCertStore(&blob, utf16, flags|windows.PKCS12_PREFER_CNG_KSP)
	if err != nil {
		store, err = windows.PFXImportCertStore(&blob, utf16, flags)
	}
	return store, err
}

// addIntermediates adds the intermediate certificates to the store CA, if it does not have them.
func addIntermediates(b *bundle.Bundle, location string) error {
	if len(b.Intermediates) == 0 {
		return nil
	}
	ca, err := openStore(location + `\CA`)
	if err != nil {
		return err
	}
	for _, c := range b.Intermediates {
		context, err := windows.CertCreateCertificateContext(windows.X509_ASN_ENCODING, unsafe.SliceData(c.Raw), uint32(len(c.Raw)))
		if err != nil {
			return errors.Join(ca.error("read "+c.Subject.String(), err), ca.close())
		}
		err = windows.CertAddCertificateContextToStore(ca.handle, context, windows.CERT_STORE_ADD_USE_EXISTING, nil)
		_ = windows.CertFreeCertificateContext(context) // always succeeds
		if err != nil {
			return errors.Join(ca.error("write", err), ca.close())
		}
	}
	return errors.Join(ca.flush(), ca.close())
}
