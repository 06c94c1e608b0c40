package winstore

import (
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// Functions that only tests need.
var (
	procGetProvParam = advapi32.NewProc("CryptGetProvParam")
	procGetUserKey   = advapi32.NewProc("CryptGetUserKey")
	procExportKey    = advapi32.NewProc("CryptExportKey")
	procNGetProperty = ncrypt.NewProc("NCryptGetProperty")
)

// withKey calls f with the private key of the certificate in the fixture's store.
func (f *fixture) withKey(t *testing.T, call func(*privateKey)) {
	t.Helper()
	s := openRaw(t, f.name)
	list, err := s.list()
	check(t, err)
	k, err := openKey(list[0].context)
	check(t, err)
	call(k)
	k.close()
	release(list)
	check(t, s.close())
}

// access returns who has access to a key.
func access(t *testing.T, k *privateKey) string {
	t.Helper()
	buffer := make([]byte, 4096)
	size := uint32(len(buffer))
	if k.cng {
		name, err := windows.UTF16PtrFromString(securityProperty)
		check(t, err)
		check(t, status(procNGetProperty.Call(uintptr(k.handle), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&buffer[0])), uintptr(size),
			uintptr(unsafe.Pointer(&size)), windows.DACL_SECURITY_INFORMATION)))
	} else if ok, _, err := procGetProvParam.Call(uintptr(k.handle), paramSecurity, uintptr(unsafe.Pointer(&buffer[0])),
		uintptr(unsafe.Pointer(&size)), windows.DACL_SECURITY_INFORMATION); ok == 0 {
		t.Fatal(err)
	}
	return (*windows.SECURITY_DESCRIPTOR)(unsafe.Pointer(&buffer[0])).String()
}

// exportable reports whether a key can be exported.
func exportable(t *testing.T, k *privateKey) bool {
	t.Helper()
	if k.cng {
		name, err := windows.UTF16PtrFromString("Export Policy")
		check(t, err)
		var policy, size uint32
		check(t, status(procNGetProperty.Call(uintptr(k.handle), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&policy)), 4,
			uintptr(unsafe.Pointer(&size)), 0)))
		return policy&1 != 0 // NCRYPT_ALLOW_EXPORT_FLAG
	}
	const privateKeyBlob = 7
	var key windows.Handle
	if ok, _, err := procGetUserKey.Call(uintptr(k.handle), windows.AT_KEYEXCHANGE, uintptr(unsafe.Pointer(&key))); ok == 0 {
		t.Fatal(err)
	}
	var size uint32
	ok, _, err := procExportKey.Call(uintptr(key), 0, privateKeyBlob, 0, 0, uintptr(unsafe.Pointer(&size)))
	if ok == 0 && !is(err, windows.NTE_BAD_KEY) && !is(err, windows.NTE_BAD_KEY_STATE) && !is(err, windows.NTE_PERM) {
		t.Fatal(err)
	}
	return ok != 0
}

// The key is exportable only if the settings say so, and follows a change of them.
func TestKeyExportable(t *testing.T) {
	f := newFixture(t)
	c := f.certificate("web")
	b := issue(t, "web", rsaKey(0))
	for i, want := range []bool{false, true, false} {
		if inWine() && i == 2 {
			t.Skip("Wine, where all keys are in one container, writes the exportable key back")
		}
		c.Windows.KeyExportable = want
		f.commit(t, item(c, "v1", b))
		f.withKey(t, func(k *privateKey) {
			if got := exportable(t, k); got != want {
				t.Errorf("exportable: %t, want %t", got, want)
			}
		})
	}
}

// Accounts get read access to the key, and nobody else does except SYSTEM and the administrators.
func TestAccounts(t *testing.T) {
	f := newFixtureIn(t, "LocalMachine")
	c := f.certificate("web")
	c.Windows.Accounts = []string{"NETWORK SERVICE"}
	f.commit(t, item(c, "v1", issue(t, "web", rsaKey(0))))
	f.withKey(t, func(k *privateKey) {
		got := access(t, k)
		for _, sid := range []string{";;;SY)", ";;;BA)", ";;;NS)"} {
			if !strings.Contains(got, sid) {
				t.Errorf("%s has no entry %q", got, sid)
			}
		}
		if n := strings.Count(got, "("); n != 3 {
			t.Errorf("%s has %d entries, want 3", got, n)
		}
	})
}

// Without the right to write, the store keeps what it has, and the error says which rights to give.
func TestNoRights(t *testing.T) {
	f := newFixture(t)
	f.commit(t, item(f.certificate("web"), "v1", issue(t, "web", rsaKey(0))))
	_, short := split(f.name)
	path := `Software\Microsoft\SystemCertificates\` + short
	key, err := registry.OpenKey(registry.CURRENT_USER, path, registry.READ|windows.WRITE_DAC)
	check(t, err)
	defer func() { check(t, key.Close()) }()
	setDACL := func(sddl string) {
		sd, err := windows.SecurityDescriptorFromString(sddl)
		check(t, err)
		dacl, _, err := sd.DACL()
		check(t, err)
		check(t, windows.SetSecurityInfo(windows.Handle(key), windows.SE_REGISTRY_KEY,
			windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil))
	}
	setDACL("D:P(A;CI;KR;;;WD)")
	next := item(f.certificate("web"), "v2", issue(t, "web", rsaKey(0)))
	result, err := f.stores.Commit(f.name, []certsync.Item[bundle.Bundle]{next})
	if err == nil {
		err = result.Failed["shop.web"] // Windows opens the store, and refuses to write
	}
	if err == nil || !strings.HasSuffix(err.Error(), "access denied: run certsync as SYSTEM or as an administrator, "+
		"or use certificateStoreLocation CurrentUser") {
		t.Errorf("got %v", err)
	}
	setDACL("D:P(A;CI;KA;;;WD)")
	if got := f.versions(t); !slices.Equal(got, []string{"v1"}) {
		t.Errorf("the store contains the versions %q", got)
	}
	f.commit(t, next)
	if got := f.versions(t); !slices.Equal(got, []string{"v1", "v2"}) {
		t.Errorf("with the right, the store contains the versions %q", got)
	}
}
