package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	extensionVersion = "8f5f3f491afd48cb99286ba2aacd39af"
	extensionOld     = "0f5f3f491afd48cb99286ba2aacd39ae"
)

// extension creates what the Key Vault VM extension leaves behind: the files and links of version 3
// or 4 for one certificate, with two versions of it.
func extension(t *testing.T, dir string, version int) (files map[string]string) {
	t.Helper()
	files = map[string]string{}
	var links map[string]string
	if version == 3 {
		files["v.a."+extensionOld], files["v.a."+extensionVersion] = "extension's old", "extension's"
		links = map[string]string{"v.a": "v.a." + extensionVersion}
	} else {
		files["v.a."+extensionVersion+".pem.1764000000"] = "extension's"
		files["v.a."+extensionVersion+".keyid.1764000000"] = "extension's key"
		links = map[string]string{
			"v.a.pem":   "v.a." + extensionVersion + ".pem.1764000000",
			"v.a.keyid": filepath.Join(dir, "v.a."+extensionVersion+".keyid.1764000000"),
		}
		files["v.a.luma"] = "extension's metadata"
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// adopting returns the entry that takes over what extension creates.
func adopting(version int) Entry {
	e := allFiles("v.a", extensionVersion)
	if version == 3 {
		e.Files = Files{PEM: e.Files.PEM}
	} else {
		e.Files = Files{KeyID: e.Files.KeyID}
	}
	return e
}

// adopted returns what applications find of adopting.
func adopted(version int) map[string]string {
	all := publicFiles("v.a", extensionVersion)
	if version == 3 {
		return map[string]string{"v.a": all["v.a"]}
	}
	return map[string]string{"v.a.pem": all["v.a.pem"], "v.a.keyid": all["v.a.keyid"], "v.a.luma": all["v.a.luma"]}
}

// TestAdopt checks that the extension's links are replaced, its files stay, and that an application
// finds one or the other before each operation of the store, also if the process is killed there.
func TestAdopt(t *testing.T) {
	for _, version := range []int{3, 4} {
		for n := 1; ; n++ {
			dir := memoryDir(t)
			files := extension(t, dir, version)
			before := map[string]string{"v.a": "extension's"}
			if version == 4 {
				before = map[string]string{"v.a.pem": "extension's", "v.a.keyid": "extension's key", "v.a.luma": "extension's metadata"}
			}
			count := 0
			s, _, err := open(dir, Options{Private: true, Adopt: true}, 0, func(op, at string) error {
				for name, want := range adopted(version) {
					if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want && string(data) != before[name] {
						t.Errorf("before %s %s, an application finds %q in %s, error %v", op, at, data, name, err)
					}
				}
				if count++; count >= n {
					return syscall.EROFS
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.Commit([]Entry{adopting(version), pemEntry("v.b", "1")}) // fails in most rounds
			mustClose(t, s)
			s = mustOpen(t, dir)
			s.options.Adopt = true
			mustCommit(t, s, adopting(version), pemEntry("v.b", "1"))
			delete(files, "v.a.luma") // is not versioned
			if !hasFiles(dir, adopted(version)) || !hasFiles(dir, files) {
				t.Errorf("want the store's files, and the extension's versions:\n%s", tree(t, dir))
			}
			if version == 4 && !hasFiles(dir, map[string]string{"v.a.luma.extension": "extension's metadata"}) {
				t.Error("the extension's metadata are lost")
			}
			// Without Adopt, the links are the store's from now on.
			s.options.Adopt = false
			if r, err := s.Commit([]Entry{adopting(version), pemEntry("v.b", "1")}); err != nil || len(r.Blocked) > 0 || r.Changed {
				t.Errorf("after that: %+v, error %v", r, err)
			}
			mustClose(t, s)
			if count < n {
				break
			}
		}
	}
}

// TestNotAdopted checks that other links block their certificate as any other name does, and that
// the error says what to do about the extension's.
func TestNotAdopted(t *testing.T) {
	for name, test := range map[string]struct {
		name, target string
		options      Options
		want         string
	}{
		"without the option, on a host": {"v.a", "v.a." + extensionVersion, Options{Private: true}, "start certsync with --host --adopt"},
		"without the option, in a pod":  {"v.a", "v.a." + extensionVersion, Options{}, "remove or rename it"},
		"another certificate's":         {"v.a", "v.c." + extensionVersion, Options{Adopt: true}, "remove or rename it"},
		"a longer name":                 {"v.a", "v.ab." + extensionVersion, Options{Adopt: true}, "remove or rename it"},
		"no version":                    {"v.a", "v.a.current", Options{Adopt: true}, "remove or rename it"},
		"another directory":             {"v.a", "/etc/v.a." + extensionVersion, Options{Adopt: true}, "remove or rename it"},
		"the parent directory":          {"v.a", "../v.a." + extensionVersion, Options{Adopt: true}, "remove or rename it"},
		"a file":                        {"v.a", "", Options{Adopt: true}, "remove or rename it"},
		"metadata alone":                {"v.a.luma", "", Options{Adopt: true}, "remove or rename it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := memoryDir(t)
			path := filepath.Join(dir, test.name)
			create := func() error { return os.Symlink(test.target, path) }
			if test.target == "" {
				create = func() error { return os.WriteFile(path, []byte("mine"), 0o600) }
			}
			if err := create(); err != nil {
				t.Fatal(err)
			}
			before := tree(t, dir)
			s := mustOpen(t, dir)
			s.options = test.options
			r := mustCommitBlocked(t, s, []Entry{allFiles("v.a", "1")}, "v.a")
			if !strings.HasSuffix(r.Blocked["v.a"].Error(), test.want) && !strings.Contains(r.Blocked["v.a"].Error(), test.want) {
				t.Errorf("got %v, want %q", r.Blocked["v.a"], test.want)
			}
			wantTree(t, dir, before)
		})
	}
}

// TestAdoptIgnoresCase checks that the case of names in the settings may differ from the
// extension's, as in Key Vault.
func TestAdoptIgnoresCase(t *testing.T) {
	dir := memoryDir(t)
	if err := os.Symlink("V.A."+strings.ToUpper(extensionVersion), filepath.Join(dir, "v.a")); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir)
	s.options.Adopt = true
	mustCommit(t, s, pemEntry("v.a", "1"))
	if !hasFiles(dir, map[string]string{"v.a": "pem of v.a 1\n"}) {
		t.Errorf("the link is not adopted:\n%s", tree(t, dir))
	}
}

// TestAdoptFails checks that a link that cannot be replaced blocks its certificate only.
func TestAdoptFails(t *testing.T) {
	dir := memoryDir(t)
	extension(t, dir, 3)
	s := mustOpen(t, dir)
	s.options.Adopt = true
	s.fs.beforeChange = func(op, name string) error {
		if op == "rename" && name == "v.a" {
			return syscall.EPERM
		}
		return nil
	}
	for range 2 {
		r := mustCommitBlocked(t, s, []Entry{adopting(3), pemEntry("v.b", "1")}, "v.a")
		wantReason(t, r.Blocked["v.a"], Denied, syscall.EPERM)
		if !hasFiles(dir, map[string]string{"v.a": "extension's", "v.b": "pem of v.b 1\n"}) {
			t.Errorf("want the extension's file, and the other certificate:\n%s", tree(t, dir))
		}
	}
	s.fs.beforeChange = nil
	mustCommit(t, s, adopting(3), pemEntry("v.b", "1"))
	if !hasFiles(dir, adopted(3)) {
		t.Errorf("want the store's file:\n%s", tree(t, dir))
	}
}

func TestSurvey(t *testing.T) {
	dir := memoryDir(t)
	extension(t, dir, 4)
	if err := os.WriteFile(filepath.Join(dir, "v.a.d"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, adopt := range []bool{false, true} {
		before := tree(t, dir)
		found, err := Survey(dir, Options{Private: true, Adopt: adopt}, "v.a", "v.a", allFormats)
		if err != nil || len(found) != 4 {
			t.Fatalf("got %+v, error %v; want four names", found, err)
		}
		for _, f := range found {
			if want := adopt && filepath.Base(f.Path) != "v.a.d"; f.Adopts != want || (f.Err == nil) != want {
				t.Errorf("with adopt %v: got %+v", adopt, f)
			}
		}
		wantTree(t, dir, before)
	}
	if found, err := Survey(filepath.Join(dir, "missing"), Options{}, "v.a", "v.a", allFormats); err != nil || len(found) > 0 {
		t.Errorf("without a directory: got %+v, error %v", found, err)
	}
	if _, err := Survey(filepath.Join(dir, "v.a.d"), Options{}, "v.a", "v.a", allFormats); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("with a file in place of the directory: error %v", err)
	}
}

// TestInPlace checks that a store notices that its directory is not in place any more.
func TestInPlace(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"removed":  os.RemoveAll,
		"renamed":  func(dir string) error { return os.Rename(dir, dir+".old") },
		"replaced": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)) },
		"emptied":  func(dir string) error { return os.Remove(filepath.Join(dir, dataLink)) },
		"a file":   func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			s := mustOpen(t, dir)
			if !s.InPlace() {
				t.Error("an empty store is not in place")
			}
			mustCommit(t, s, pemEntry("v.a", "1"))
			if !s.InPlace() {
				t.Error("it is not in place, but nothing changed")
			}
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			if s.InPlace() {
				t.Error("the change is not noticed")
			}
		})
	}
}
