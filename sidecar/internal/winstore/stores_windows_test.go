package winstore

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/windows"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// The life of a certificate: installed, kept, renewed, and the third-oldest version removed.
func TestRenewals(t *testing.T) {
	f := newFixture(t)
	c := f.certificate("web")
	var issued []*bundle.Bundle
	for i, version := range []string{"v1", "v2", "v3"} {
		b := issue(t, "web", rsaKey(i))
		issued = append(issued, b)
		if !f.commit(t, item(c, version, b)).Changed {
			t.Errorf("%s does not change the store", version)
		}
		if f.commit(t, item(c, version, b)).Changed || f.commit(t, item(c, version, nil)).Changed {
			t.Errorf("%s changes the store again", version)
		}
		f.restart(t)
		current, err := f.stores.Current(f.name)
		check(t, err)
		want := map[string]certsync.Installed{"shop.web": {FileName: "shop.web", Version: version, Leaf: certsync.Leaf{
			Fingerprint: b.Fingerprint(), NotBefore: b.NotBefore(), NotAfter: b.NotAfter(),
		}}}
		if diff := cmp.Diff(want, current); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", version, diff)
		}
	}
	want := map[thumbprint]entry{
		print(issued[1]): {Thumbprint: print(issued[1]), Renewal: print(issued[2]), Version: "v2", Key: true},
		print(issued[2]): {Thumbprint: print(issued[2]), Version: "v3", Key: true},
	}
	if diff := cmp.Diff(want, contents(t, f.name)); diff != "" {
		t.Errorf("store (-want +got):\n%s", diff)
	}
}

// The vault's newest enabled version can be an older one. It becomes the current one again.
func TestRollback(t *testing.T) {
	if inWine() {
		t.Skip("Wine does not write changed properties of a certificate that is in a store")
	}
	f := newFixture(t)
	c := f.certificate("web")
	first, second := issue(t, "web", rsaKey(0)), issue(t, "web", rsaKey(0))
	f.commit(t, item(c, "v1", first))
	f.commit(t, item(c, "v2", second))
	f.commit(t, item(c, "v1", first))
	f.restart(t)
	current, err := f.stores.Current(f.name)
	check(t, err)
	if got := current["shop.web"].Version; got != "v1" {
		t.Errorf("the current version is %s, want v1", got)
	}
	found := contents(t, f.name)
	if got := found[print(first)].Renewal; got != (thumbprint{}) {
		t.Errorf("the current version is linked to %x", got)
	}
	if got := found[print(second)].Renewal; got != print(first) {
		t.Errorf("the other version is linked to %x, want %x", got, print(first))
	}
}

func TestNoLink(t *testing.T) {
	f := newFixture(t)
	c := f.certificate("web")
	c.Windows.LinkOnRenewal = false
	first := issue(t, "web", rsaKey(0))
	f.commit(t, item(c, "v1", first))
	f.commit(t, item(c, "v2", issue(t, "web", rsaKey(0))))
	if got := contents(t, f.name)[print(first)].Renewal; got != (thumbprint{}) {
		t.Errorf("the previous version is linked to %x", got)
	}
}

// Intermediates go to the store CA, and roots nowhere.
func TestChain(t *testing.T) {
	f := newFixture(t)
	b := issue(t, "web", rsaKey(0))
	f.commit(t, item(f.certificate("web"), "v1", b))
	for store, want := range map[string][]thumbprint{f.name: {print(b)}, `CurrentUser\CA`: {sum(b.Intermediates[0])}} {
		found := contents(t, store)
		for _, p := range want {
			if e, ok := found[p]; !ok || e.Key != (store == f.name) {
				t.Errorf("%s contains %x: %t, with a key: %t", store, p, ok, e.Key)
			}
		}
	}
	for _, store := range []string{f.name, `CurrentUser\CA`, `CurrentUser\Root`} {
		if _, ok := contents(t, store)[sum(b.Root)]; ok {
			t.Errorf("%s contains the root", store)
		}
	}
}

// Certificates that others have installed stay as they are, also if the vault has the same.
func TestForeign(t *testing.T) {
	f := newFixture(t)
	foreign := issue(t, "web", rsaKey(0))
	leaf, free, err := importKey(foreign, false, true)
	check(t, err)
	check(t, setText(leaf, propDescription, "installed by hand"))
	raw := openRaw(t, f.name)
	check(t, raw.add(leaf))
	check(t, raw.close())
	free()
	before := contents(t, f.name)

	c := f.certificate("web")
	result := f.commit(t, item(c, "v1", foreign))
	if result.Changed || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "was in the store before") {
		t.Errorf("result: %+v", result)
	}
	for _, version := range []string{"v2", "v3", "v4"} {
		f.commit(t, item(c, version, issue(t, "web", rsaKey(0))))
	}
	if got := f.versions(t); !slices.Equal(got, []string{"", "v3", "v4"}) {
		t.Errorf("the store contains the versions %q", got)
	}
	if diff := cmp.Diff(before[print(foreign)], contents(t, f.name)[print(foreign)]); diff != "" {
		t.Errorf("the foreign certificate (-before +after):\n%s", diff)
	}
}

// A version whose certificate or key is gone is reported, and installed again.
func TestMissing(t *testing.T) {
	f := newFixture(t)
	c := f.certificate("web")
	b := issue(t, "web", rsaKey(0))
	f.commit(t, item(c, "v1", b))
	raw := openRaw(t, f.name)
	list, err := raw.list()
	check(t, err)
	check(t, raw.remove(list[0].context))
	release(list)
	check(t, errors.Join(raw.flush(), raw.close()))
	result, err := f.stores.Commit(f.name, []certsync.Item[bundle.Bundle]{item(c, "v1", nil)})
	check(t, err)
	if diff := cmp.Diff([]string{"shop.web"}, result.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	f.commit(t, item(c, "v1", b))
	if got := f.versions(t); !slices.Equal(got, []string{"v1"}) {
		t.Errorf("the store contains the versions %q", got)
	}
}

// A certificate that cannot be installed does not hold back others, and keeps its versions.
func TestFailures(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	f := newFixture(t)
	web, api := f.certificate("web"), f.certificate("api")
	f.commit(t, item(web, "v1", issue(t, "web", rsaKey(0))))
	unknown := web
	unknown.Windows.Accounts = []string{"no such account"}
	broken := errors.New("not a certificate")
	f.stores.bundle = func(b *bundle.Bundle) (*bundle.Bundle, error) {
		if b.Leaf == nil {
			return nil, broken
		}
		return b, nil
	}
	for name, test := range map[string]struct {
		item certsync.Item[bundle.Bundle]
		want string
	}{
		"key":     {item(web, "v2", issue(t, "web", edKey)), "do not support Ed25519 keys: issue the certificate with an RSA or EC key"},
		"account": {item(unknown, "v2", issue(t, "web", rsaKey(0))), `accounts: "no such account": `},
		"content": {item(web, "v2", &bundle.Bundle{}), "not a certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := f.stores.Commit(f.name, []certsync.Item[bundle.Bundle]{test.item, item(api, name, issue(t, "api", rsaKey(1)))})
			check(t, err)
			if got := result.Failed["shop.web"]; got == nil || !strings.Contains(got.Error(), test.want) || len(result.Failed) != 1 {
				t.Errorf("failed: %v, want %s", result.Failed, test.want)
			}
			if got := f.versions(t); !slices.Contains(got, "v1") || !slices.Contains(got, name) {
				t.Errorf("the store contains the versions %q", got)
			}
		})
	}
}

// Wine cannot import keys on elliptic curves; Windows can.
func TestEllipticCurve(t *testing.T) {
	f := newFixture(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	result, err := f.stores.Commit(f.name, []certsync.Item[bundle.Bundle]{item(f.certificate("web"), "v1", issue(t, "web", key))})
	check(t, err)
	if !inWine() {
		if len(result.Failed) > 0 {
			t.Error(result.Failed)
		}
		return
	}
	if got := result.Failed["shop.web"]; got == nil || !strings.HasPrefix(got.Error(), "the private key (EC, P-256) cannot be imported into Windows: ") {
		t.Errorf("failed: %v", result.Failed)
	}
}

func inWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

func TestUnknownStore(t *testing.T) {
	stores := New(func(b *bundle.Bundle) (*bundle.Bundle, error) { return b, nil })
	_, err := stores.Current(`CurrentUser\NoSuchStore`)
	want := `certificate store CurrentUser\NoSuchStore: open: the store does not exist: correct certificateStoreName, ` +
		`or create the store with PowerShell: New-Item Cert:\CurrentUser\NoSuchStore`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLockedStore(t *testing.T) {
	f := newFixture(t)
	_, err := f.stores.Current(f.name)
	check(t, err)
	_, err = New(f.stores.bundle).Current(f.name)
	if !errors.Is(err, errInUse) || !strings.Contains(err.Error(), f.name) {
		t.Errorf("got %v, want %v", err, errInUse)
	}
}
