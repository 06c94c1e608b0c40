package contract_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/hostile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// FuzzParse checks that encoding accepted settings does not change their meaning in any mode, that
// Parse and Validate do not panic, and that an error always has a message.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(paths) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, generate := range hostile.Settings {
		f.Add([]byte(generate(1000)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := contract.Parse(data)
		if err != nil {
			if s != nil || err.Error() == "" {
				t.Fatalf("settings %v with error %q", s, err)
			}
			return
		}
		encoded, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := contract.Parse(encoded)
		if err != nil {
			t.Fatalf("%v in %s", err, encoded)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Fatalf("the settings changed (-before +after):\n%s", diff)
		}
		for _, mode := range []contract.Mode{contract.Pod, contract.Host} {
			checkValidate(t, s, again, mode)
		}
	})
}

func checkValidate(t *testing.T, s, again *contract.Settings, mode contract.Mode) {
	t.Helper()
	config, warnings, err := s.Validate(contract.Rules{Mode: mode})
	if (config == nil) != (err != nil) || err != nil && err.Error() == "" {
		t.Fatalf("config %v with error %v", config, err)
	}
	config2, warnings2, err2 := again.Validate(contract.Rules{Mode: mode})
	if diff := cmp.Diff([]any{config, warnings, text(err)}, []any{config2, warnings2, text(err2)}); diff != "" {
		t.Fatalf("mode %d: the encoded settings validate differently (-before +after):\n%s", mode, diff)
	}
	if err != nil {
		return
	}
	links := make(map[string]bool)
	for _, c := range config.Certificates {
		if c.Name == "" || c.VaultName == "" || c.Store == "" || c.LinkName == "" || len(c.Formats) == 0 || links[c.Store+"/"+c.LinkName] {
			t.Fatalf("incomplete certificate, or its link is not unique: %+v", c)
		}
		links[c.Store+"/"+c.LinkName] = true
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzParsePollingInterval checks that an accepted interval is in range and in whole seconds.
func FuzzParsePollingInterval(f *testing.F) {
	for _, seed := range []string{"3600", "1h", "10", "9", "1m30s", "-5s", "1e3", "999999999999999999999", " 60 ", "0x10", "1.5h", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		d, err := contract.ParsePollingInterval(value)
		if err != nil {
			if d != 0 || err.Error() == "" {
				t.Fatalf("%s with error %q", d, err)
			}
			return
		}
		if d < contract.MinPollingInterval || d > contract.MaxPollingInterval || d%time.Second != 0 {
			t.Fatalf("%q gave %s", value, d)
		}
		if again, err := contract.ParsePollingInterval(d.String()); err != nil || again != d {
			t.Fatalf("%q gave %s, which then gave %s, %v", value, d, again, err)
		}
	})
}
