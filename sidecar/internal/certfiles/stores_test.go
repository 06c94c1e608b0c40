package certfiles

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// Each format results in its files, and only the requested formats are written.
func TestFormats(t *testing.T) {
	f := newFixture(t)
	v := f.issue(t, "web")
	versioned := "shop.web." + v.Version
	for _, test := range []struct {
		formats []string
		want    []string
	}{
		{[]string{"pem"}, []string{"shop.web", versioned}},
		{[]string{"split"}, []string{"shop.web.d"}},
		{[]string{"pkcs12"}, []string{"shop.web.p12"}},
		{[]string{"jks"}, []string{"shop.web.jks"}},
		{[]string{"keyid"}, []string{"shop.web.pem", "shop.web.keyid", "shop.web.luma"}},
		{[]string{"pem", "split", "pkcs12", "jks", "keyid"}, []string{"shop.web", versioned, "shop.web.d", "shop.web.jks",
			"shop.web.p12", "shop.web.pem", "shop.web.keyid", "shop.web.luma"}},
	} {
		t.Run(strings.Join(test.formats, ","), func(t *testing.T) {
			result := f.commit(t, f.fetch(t, f.certificate("web", test.formats...)))
			if !result.Changed || len(result.Failed)+len(result.Missing) > 0 {
				t.Errorf("result: %+v", result)
			}
			entries, err := os.ReadDir(f.dir)
			check(t, err)
			var got []string
			for _, e := range entries {
				if !strings.HasPrefix(e.Name(), ".") {
					got = append(got, e.Name())
				}
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(test.want)), got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
	f.wantSerial(t, "shop.web", v)
	f.wantSerial(t, "shop.web.d/tls.crt", v)
	if key := string(f.read(t, "shop.web.d/tls.key")); !strings.HasPrefix(key, "-----BEGIN PRIVATE KEY-----") {
		t.Error("tls.key is not a private key")
	}
	f.wantKeystores(t, contract.DefaultKeystorePass)
	f.wantSerial(t, "shop.web.pem", v)
	if pem := string(f.read(t, "shop.web")); pem != string(f.read(t, "shop.web.pem"))+string(f.read(t, "shop.web.keyid")) {
		t.Error("the files of keyid do not contain the same as that of pem")
	}
	var m metadata
	check(t, json.Unmarshal(f.read(t, "shop.web.luma"), &m))
	if m.Certificate != "shop.web" || m.Version != v.Version || m.Fingerprint == "" || !m.NotAfter.After(m.NotBefore) {
		t.Errorf("the metadata are %+v, want those of version %s", m, v.Version)
	}
	for name, mode := range map[string]os.FileMode{"shop.web": 0o600, "shop.web.keyid": 0o600, "shop.web.pem": 0o600, "shop.web.luma": 0o644} {
		info, err := os.Stat(filepath.Join(f.dir, name))
		check(t, err)
		if info.Mode() != mode {
			t.Errorf("the mode of %s is %s, want %s", name, info.Mode(), mode)
		}
	}
}

// A certificate whose name is taken fails alone, also with a new password of its keystores.
func TestTakenName(t *testing.T) {
	f := newFixture(t)
	f.issue(t, "web")
	v := f.issue(t, "api")
	check(t, errors.Join(os.MkdirAll(f.dir, 0o755), os.WriteFile(filepath.Join(f.dir, "shop.web"), nil, 0o600)))
	items := []certsync.Item[Content]{f.fetch(t, f.certificate("web", "pem", "pkcs12", "jks")), f.fetch(t, f.certificate("api", "pem"))}
	for range 2 {
		result := f.commit(t, items...)
		if err := result.Failed["shop.web"]; !errors.Is(err, os.ErrExist) || len(result.Failed) > 1 {
			t.Errorf("failed: %v, want shop.web", result.Failed)
		}
		f.wantSerial(t, "shop.api", v)
	}
	check(t, os.Remove(filepath.Join(f.dir, "shop.web")))
	if result := f.commit(t, items...); len(result.Failed)+len(result.Missing) > 0 {
		t.Errorf("after that: %+v", result)
	}
	f.wantKeystores(t, contract.DefaultKeystorePass)
}

// A store whose directory is removed is created again, with the content at hand.
func TestRemovedDirectory(t *testing.T) {
	f := newFixture(t)
	v := f.issue(t, "web")
	item := f.fetch(t, f.certificate("web", "pem", "jks"))
	f.commit(t, item)
	check(t, os.RemoveAll(f.dir))
	if f.stores.InPlace(f.dir) {
		t.Error("the store is in place, but the directory is removed")
	}
	f.commit(t, item)
	f.wantSerial(t, "shop.web", v)
	if !f.stores.InPlace(f.dir) {
		t.Error("the store is not in place")
	}
	check(t, os.RemoveAll(f.dir))
	item.Content = nil
	if result := f.commit(t, item); !slices.Equal(result.Missing, []string{"shop.web"}) {
		t.Errorf("without the content: %+v, want shop.web missing", result)
	}
}

// wantKeystores checks that a password opens the keystores.
func (f *fixture) wantKeystores(t *testing.T, password string) {
	t.Helper()
	if _, _, _, err := pkcs12.DecodeChain(f.read(t, "shop.web.p12"), password); err != nil {
		t.Errorf("PKCS #12 with the password %q: %v", password, err)
	}
	jks, err := os.Open(filepath.Join(f.dir, "shop.web.jks"))
	check(t, err)
	defer jks.Close()
	if err := keystore.New().Load(jks, []byte(password)); err != nil {
		t.Errorf("JKS with the password %q: %v", password, err)
	}
}

// The keystores follow the password file. A file that cannot be read fails the certificate and
// leaves its keystores alone.
func TestKeystorePassword(t *testing.T) {
	f := newFixture(t)
	f.issue(t, "web")
	file := filepath.Join(t.TempDir(), "password")
	check(t, os.WriteFile(file, []byte("first\r\n"), 0o600))
	f.stores.SetPasswordFile(file)
	item := f.fetch(t, f.certificate("web", "pkcs12", "jks"))
	f.commit(t, item)
	f.wantKeystores(t, "first")

	before := f.generation(t)
	if f.commit(t, item).Changed || f.generation(t) != before {
		t.Error("a commit without a change writes the store")
	}

	check(t, os.WriteFile(file, []byte("second"), 0o600))
	f.commit(t, item)
	f.wantKeystores(t, "second")

	f.stores.SetPasswordFile(file + ".missing")
	result := f.commit(t, item)
	if err := result.Failed["shop.web"]; err == nil || !strings.HasPrefix(err.Error(), "keystore password: open "+file+".missing: no such file") {
		t.Errorf("with a missing password file: %v", err)
	}
	f.wantKeystores(t, "second")

	// Neither does a file that cannot be a password hold up the others, or take their memory.
	for name, create := range map[string]func(path string) error{
		"is a FIFO":             func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"is a directory":        func(path string) error { return os.Mkdir(path, 0o700) },
		"is longer than 64 KiB": func(path string) error { return os.WriteFile(path, make([]byte, 64<<10+1), 0o600) },
	} {
		unfit := filepath.Join(t.TempDir(), "password")
		check(t, create(unfit))
		f.stores.SetPasswordFile(unfit)
		if err := f.commit(t, item).Failed["shop.web"]; err == nil || !strings.Contains(err.Error(), unfit+": "+name) {
			t.Errorf("a password file that %s: %v", name, err)
		}
		f.wantKeystores(t, "second")
	}
	f.stores.SetPasswordFile(file + ".missing")

	// A certificate without keystores does not need the password.
	if result := f.commit(t, f.fetch(t, f.certificate("web", "pem"))); len(result.Failed) > 0 {
		t.Errorf("PEM with a missing password file: %v", result.Failed)
	}

	check(t, os.WriteFile(file, nil, 0o600))
	f.stores.SetPasswordFile(file)
	if result := f.commit(t, item); result.Failed["shop.web"] == nil {
		t.Error("an empty password is accepted")
	}
}

// Current returns what the store contains.
func TestCurrent(t *testing.T) {
	f := newFixture(t)
	current, err := f.stores.Current(f.dir)
	check(t, err)
	if len(current) > 0 {
		t.Errorf("an empty store contains %v", current)
	}
	f.issue(t, "web")
	item := f.fetch(t, f.certificate("web", "pem"))
	f.commit(t, item)
	current, err = f.stores.Current(f.dir)
	check(t, err)
	want := map[string]certsync.Installed{"shop.web": item.Installed}
	if diff := cmp.Diff(want, current); diff != "" {
		t.Errorf("current (-want +got):\n%s", diff)
	}
}

// Damaged files are replaced at once if their content is at hand, and else reported as missing.
func TestDamagedFiles(t *testing.T) {
	f := newFixture(t)
	v := f.issue(t, "web")
	item := f.fetch(t, f.certificate("web", "pem"))
	file := filepath.Join(f.dir, "shop.web")
	damage := func() {
		check(t, os.WriteFile(file, []byte("damaged"), 0o600))
	}

	f.commit(t, item)
	damage()
	result := f.commit(t, item)
	if len(result.Missing) > 0 || len(result.Warnings) == 0 {
		t.Errorf("with the content at hand: %+v, want a warning", result)
	}
	f.wantSerial(t, "shop.web", v)

	damage()
	item.Content = nil
	if result := f.commit(t, item); !slices.Equal(result.Missing, []string{"shop.web"}) {
		t.Errorf("without the content: missing %v, want shop.web", result.Missing)
	}
	if got := string(f.read(t, "shop.web")); got != "damaged" {
		t.Errorf("until it is fetched again, the file contains %q, want it as it was", got)
	}

	// No version is known yet: the file stays, although another certificate changes.
	unknown := certsync.Item[Content]{Certificate: item.Certificate}
	other := f.issue(t, "api")
	f.commit(t, unknown, f.fetch(t, f.certificate("api", "pem")))
	if got := string(f.read(t, "shop.web")); got != "damaged" {
		t.Errorf("beside another certificate, the file contains %q, want it as it was", got)
	}
	f.wantSerial(t, "shop.api", other)
}

// The warnings of opening a damaged store are reported once.
func TestWarningsOfOpening(t *testing.T) {
	f := newFixture(t)
	f.issue(t, "web")
	item := f.fetch(t, f.certificate("web", "pem"))
	f.commit(t, item)
	check(t, f.stores.opened[f.dir].Close()) // as the end of the process does
	check(t, os.WriteFile(filepath.Join(f.dir, "shop.web"), []byte("damaged"), 0o600))
	f.stores = NewStores(store.Options{}, "")
	if result := f.commit(t, item); len(result.Warnings) == 0 {
		t.Errorf("first commit: %+v, want a warning", result)
	}
	if result := f.commit(t, item); len(result.Warnings) > 0 {
		t.Errorf("second commit: %+v, want no warning", result)
	}
}

// A store that cannot be opened fails as a whole.
func TestStoreCannotBeOpened(t *testing.T) {
	f := newFixture(t)
	f.issue(t, "web")
	item := f.fetch(t, f.certificate("web", "pem"))
	f.commit(t, item)
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o600))
	for name, test := range map[string]struct {
		dir    string
		reason store.Reason
	}{
		"another process has it": {f.dir, store.Locked},
		"it is a file":           {file, store.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			stores := NewStores(store.Options{}, "")
			_, err := stores.Current(test.dir)
			_, commitErr := stores.Commit(test.dir, []certsync.Item[Content]{item})
			for _, err := range []error{err, commitErr} {
				if e, ok := errors.AsType[*store.Error](err); !ok || e.Reason != test.reason || !strings.Contains(err.Error(), test.dir) {
					t.Errorf("%v, want %s", err, test.reason)
				}
			}
		})
	}
}

// An error of the store itself is returned, and the store is unchanged.
func TestCommitFails(t *testing.T) {
	f := newFixture(t)
	v := f.issue(t, "web")
	f.commit(t, f.fetch(t, f.certificate("web", "pem")))
	f.issue(t, "web")
	next := f.fetch(t, f.certificate("web", "pem"))
	check(t, os.Mkdir(filepath.Join(f.dir, "..0000000002"), 0o755)) // in the way of the first attempt
	if _, err := f.stores.Commit(f.dir, []certsync.Item[Content]{next}); !errors.Is(err, os.ErrExist) {
		t.Errorf("got error %v, want %v", err, os.ErrExist)
	}
	f.wantSerial(t, "shop.web", v)
}
