package winstore

import (
	"crypto/sha1"
	"errors"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// place is a store location: the registry that contains the stores.
type place struct {
	flag    uint32
	machine bool
}

var places = map[string]place{
	"LocalMachine": {windows.CERT_SYSTEM_STORE_LOCAL_MACHINE, true},
	"CurrentUser":  {windows.CERT_SYSTEM_STORE_CURRENT_USER, false},
}

// predefined are stores that Windows creates when they are first used. All others must exist.
//
// Source: https://learn.microsoft.com/windows/win32/seccrypto/system-store-locations
var predefined = []string{"MY", "CA"}

// systemStore is an open store.
type systemStore struct {
	name   string // location and name
	place  place
	handle windows.Handle
}

// thumbprint is the SHA-1 digest of a certificate, by which Windows identifies it.
type thumbprint [sha1.Size]byte

// installed is a certificate in a store.
type installed struct {
	context *windows.CertContext
	thumbprint
	mark
	own bool // this program has installed it
}

func openStore(name string) (*systemStore, error) {
	where, short, _ := strings.Cut(name, `\`)
	s := &systemStore{name: name, place: places[where]}
	flags := s.place.flag
	if !slices.Contains(predefined, strings.ToUpper(short)) {
		flags |= windows.CERT_STORE_OPEN_EXISTING_FLAG
	}
	utf16, err := windows.UTF16PtrFromString(short)
	if err != nil {
		return nil, err
	}
	s.handle, err = windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM, 0, 0, flags, uintptr(unsafe.Pointer(utf16)))
	if err != nil {
		return nil, &Error{Store: name, Op: "open", Err: err}
	}
	return s, nil
}

// flush makes sure that changes are written. Windows writes them at once, Wine only here.
func (s *systemStore) flush() error { return s.error("write", commitStore(s.handle)) }

func (s *systemStore) close() error { return s.error("close", windows.CertCloseStore(s.handle, 0)) }

// error adds the store to an error; nil stays nil.
func (s *systemStore) error(op string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Store: s.name, Op: op, Err: err}
}

// list returns the certificates in the store. The caller frees them with release.
func (s *systemStore) list() ([]installed, error) {
	var list []installed
	var c *windows.CertContext
	for {
		var err error
		// It frees the previous context.
		c, err = windows.CertEnumCertificatesInStore(s.handle, c)
		if c == nil {
			if !errors.Is(err, windows.Errno(windows.CRYPT_E_NOT_FOUND)) {
				release(list)
				return nil, s.error("read", err)
			}
			return list, nil
		}
		in := installed{context: windows.CertDuplicateCertificateContext(c), thumbprint: sha1.Sum(encoded(c))}
		in.mark, in.own = parseMark(text(c, propDescription))
		list = append(list, in)
	}
}

func release(list []installed) {
	for _, in := range list {
		_ = windows.CertFreeCertificateContext(in.context) // always succeeds
	}
}

// add adds a certificate with its properties, or replaces the same certificate.
func (s *systemStore) add(c *windows.CertContext) error {
	return s.error("write", windows.CertAddCertificateContextToStore(s.handle, c, windows.CERT_STORE_ADD_REPLACE_EXISTING, nil))
}

// remove removes a certificate from the store.
func (s *systemStore) remove(c *windows.CertContext) error {
	// The function frees the context, so it gets one of its own.
	return s.error("write", windows.CertDeleteCertificateFromStore(windows.CertDuplicateCertificateContext(c)))
}
