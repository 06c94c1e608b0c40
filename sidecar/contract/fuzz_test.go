package contract_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/hostile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// FuzzParse checks that encoding accepted settings does not change their meaning in any mode, that
// other spellings have the same meaning, that Parse and Validate do not panic, and that an error
// always has a message.
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
		checkSpelling(t, s, encoded)
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
	if other, _, err := respellURLs(s).Validate(contract.Rules{Mode: mode}); err != nil || !cmp.Equal(config, other) {
		t.Fatalf("mode %d: other spellings of URLs have another meaning: %v\n%s", mode, err, cmp.Diff(config, other))
	}
	links := make(map[string]bool)
	for _, c := range config.Certificates {
		if c.Name == "" || c.VaultName == "" || c.Store == "" || c.LinkName == "" || len(c.Formats) == 0 || links[c.Store+"/"+c.LinkName] {
			t.Fatalf("incomplete certificate, or its link is not unique: %+v", c)
		}
		links[c.Store+"/"+c.LinkName] = true
	}
}

// checkSpelling checks that Parse reads the same settings from another spelling of encoded ones.
func checkSpelling(t *testing.T, s *contract.Settings, encoded []byte) {
	t.Helper()
	spelled, err := json.Marshal(respell("", decode(t, encoded)))
	if err != nil {
		t.Fatal(err)
	}
	if len(spelled) > contract.MaxSettingsBytes {
		return
	}
	again, err := contract.Parse(spelled)
	if err != nil {
		t.Fatalf("%v in %s", err, spelled)
	}
	if diff := cmp.Diff(s, again); diff != "" {
		t.Fatalf("another spelling has another meaning (-%s +%s):\n%s", encoded, spelled, diff)
	}
}

func decode(t *testing.T, data []byte) (value any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// respell returns a value of settings, by its key, as other programs write it.
func respell(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k := range v {
			v[k] = respell(k, v[k])
		}
		if key == "" {
			v["$schema"] = "settings.schema.json"
			if _, given := v["loggingSettings"]; !given {
				v["loggingSettings"] = nil
			}
		}
		return v
	case []any:
		for i := range v {
			v[i] = respell(key, v[i])
		}
		return append(v, nil)
	case bool:
		return " " + strings.ToUpper(strconv.FormatBool(v))
	case json.Number:
		return v.String() + ".0"
	case string:
		if key == "pollingIntervalInS" {
			return json.RawMessage(v + "00e-2")
		}
	}
	return value
}

// respellURLs returns settings whose certificates have other spellings of their URLs.
func respellURLs(s *contract.Settings) *contract.Settings {
	s = contract.Overlay(s, nil)
	for i := range s.SecretsManagement.ObservedCertificates {
		url := &s.SecretsManagement.ObservedCertificates[i].URL
		*url = " " + strings.ReplaceAll(*url, "/", "//") + "/\n"
		*url = strings.Replace(*url, "////", "//", 1) // after the scheme
	}
	return s
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
