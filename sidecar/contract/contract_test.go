package contract_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// TestStandardLibraryOnly keeps the package thin: both binaries get everything that it imports.
func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); len(got) != 1 || !strings.HasSuffix(got[0], "/sidecar/contract") {
		t.Errorf("only the standard library may be imported, got %q", got)
	}
}

// TestAnnotationKeys compares the lists of annotations with the constants of names.go.
func TestAnnotationKeys(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Key") {
			key, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, key)
		}
		return true
	})
	if diff := cmp.Diff(want, slices.Concat(contract.AnnotationKeys(), contract.WrittenKeys())); diff != "" {
		t.Errorf("the lists do not have the constants (-constants +lists):\n%s", diff)
	}
}

// fill gives every field below v a value that is made of mark.
func fill(v reflect.Value, mark string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), mark)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), mark+strconv.Itoa(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), mark)
	case reflect.Bool:
		v.SetBool(len(mark)%2 == 0)
	case reflect.String:
		v.SetString(mark)
	case reflect.Int:
		v.SetInt(int64(len(mark)))
	default: // Seconds, in whole ones
		v.SetInt(int64(len(mark)) * int64(time.Minute))
	}
}

func filled(mark string) *contract.Settings {
	s := &contract.Settings{}
	fill(reflect.ValueOf(s).Elem(), mark)
	return s
}

// TestOverlay goes through all fields by reflection, so that no new one is forgotten.
func TestOverlay(t *testing.T) {
	base, over := filled("b"), filled("ov")
	want := filled("ov")
	want.SecretsManagement.ObservedCertificates = slices.Concat(
		filled("b").SecretsManagement.ObservedCertificates, filled("ov").SecretsManagement.ObservedCertificates)

	got := contract.Overlay(base, over)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("over does not win (-want +got):\n%s", diff)
	}
	for name, got := range map[string]*contract.Settings{
		"without over": contract.Overlay(base, nil), "with empty over": contract.Overlay(base, &contract.Settings{}),
		"without base": contract.Overlay(nil, base), "with empty base": contract.Overlay(&contract.Settings{}, base),
	} {
		if diff := cmp.Diff(base, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(&contract.Settings{}, contract.Overlay(nil, nil)); diff != "" {
		t.Errorf("of nothing (-want +got):\n%s", diff)
	}

	*got.SecretsManagement.RequireInitialSync = !*got.SecretsManagement.RequireInitialSync
	for i := range got.SecretsManagement.ObservedCertificates {
		got.SecretsManagement.ObservedCertificates[i].URL = "changed"
		got.SecretsManagement.ObservedCertificates[i].ACLs[0].User = "changed"
	}
	got.SecretsManagement.Formats[0] = "changed"
	if diff := cmp.Diff([]*contract.Settings{filled("b"), filled("ov")}, []*contract.Settings{base, over}); diff != "" {
		t.Errorf("the result shares memory with its sources (-before +after):\n%s", diff)
	}
}

// TestEncode goes through all fields of settings, and through those of an entry one by one.
func TestEncode(t *testing.T) {
	check := func(s *contract.Settings) {
		t.Helper()
		data, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := contract.Parse(data)
		if err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("Parse does not read what Encode wrote, %s (-want +got):\n%s", data, diff)
		}
	}
	check(&contract.Settings{})
	check(filled("<&>\u2028\"\\"))
	observed := reflect.TypeFor[contract.ObservedCertificate]()
	for i := range observed.NumField() {
		var o contract.ObservedCertificate
		fill(reflect.ValueOf(&o).Elem().Field(i), "x")
		check(&contract.Settings{SecretsManagement: contract.SecretsManagement{ObservedCertificates: []contract.ObservedCertificate{o}}})
	}
}

func TestHash(t *testing.T) {
	hash := func(text string) string {
		t.Helper()
		s, err := contract.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return contract.Hash(encoded)
	}
	one := hash(`{"secretsManagementSettings": {"pollingIntervalInS": "60", "observedCertificates": ["` + secret + `"]}}`)
	same := hash(`{"secretsManagementSettings":{"observedCertificates":[{"url":"` + secret + `"}],"pollingIntervalInS":60}}`)
	other := hash(`{"secretsManagementSettings":{"observedCertificates":["` + secret + `"],"pollingIntervalInS":61}}`)
	if one != same || one == other || len(one) != 16 {
		t.Errorf("got %s, for the same %s, for others %s", one, same, other)
	}
	// It is on pods that exist already: a new form would roll them all.
	if want := "aa55a59024838415"; one != want {
		t.Errorf("got %s, want %s as ever", one, want)
	}
}

// TestFieldErrors shows that each error can be found by type, as the webhook does to name the annotation.
// The settings are made by hand, as the webhook does too, so that Parse has not looked at them.
func TestFieldErrors(t *testing.T) {
	s := with(func(s *contract.Settings) {
		s.SecretsManagement.PollingInterval = contract.Seconds(1500 * time.Millisecond)
		s.SecretsManagement.Port = -1
	})
	_, _, err := s.Validate(contract.Rules{})
	var list contract.FieldErrors
	var first *contract.FieldError
	if !errors.As(err, &list) || !errors.As(err, &first) {
		t.Fatalf("%T does not have the errors: %v", err, err)
	}
	var paths []string
	for _, e := range list {
		paths = append(paths, e.Path)
	}
	if diff := cmp.Diff([]string{"secretsManagementSettings.pollingIntervalInS", "secretsManagementSettings.port"}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if first != list[0] || first.Line != 0 {
		t.Errorf("got %+v, want the first error, without a place in a text", first)
	}
}

func TestEscapeVariable(t *testing.T) {
	for value, want := range map[string]string{"": "", "a": "a", "$(A)": "$$(A)", "$$": "$$$$", "a$": "a$$"} {
		if got := contract.EscapeVariable(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

func TestParsePollingInterval(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"10": 10 * time.Second, "3600": time.Hour, " 60\n": time.Minute, "1h": time.Hour, "90s": 90 * time.Second,
		"1h30m": 90 * time.Minute, "168h": 168 * time.Hour, "10000ms": 10 * time.Second,
	} {
		if got, err := contract.ParsePollingInterval(value); got != want || err != nil {
			t.Errorf("%q: got %s, %v, want %s", value, got, err, want)
		}
	}
	for value, want := range map[string]string{
		"": "expected whole seconds", "9": "at least 10", "0": "at least 10", "-1h": "at least 10", "-60": "expected whole seconds",
		"604801": "at most 604800", "169h": "at most 604800", "99999999999999999999": "at most 604800", "1m0.5s": "whole seconds are needed",
		"1d": "expected whole seconds", "1 h": "expected whole seconds", "hourly": "expected whole seconds",
	} {
		if got, err := contract.ParsePollingInterval(value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v, want an error with %q", value, got, err, want)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"certificate": "certificates", "Certificates": "certificates", "certificats": "certificates", "polling": "polling-interval",
		"poling-interval": "polling-interval", "setings": "settings", "settings-configmaps": "settings-configmap", "prot": "port",
		"reload_signal": "reload-signal", "file-mod": "file-mode", "fromats": "formats", "": "", "x": "", "tls": "", "keystore": "keystore-password-secret",
		strings.Repeat("settings", 10000): "settings",
	} {
		if got := contract.Nearest(word, contract.AnnotationKeys()); got != want {
			t.Errorf("%.30q: got %q, want %q", word, got, want)
		}
	}
}

func TestSignalNumber(t *testing.T) {
	for text, want := range map[string]int{"HUP": 1, "sigusr1": 10, "SIGTERM": 15, "WINCH": 28, "sys": 31, "12": 12, "40": 40} {
		if got, err := contract.SignalNumber(text); got != want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestParseID(t *testing.T) {
	for text, want := range map[string]uint32{"0": 0, "1000": 1000, "4294967294": 4294967294} {
		if got, ok := contract.ParseID(text); got != want || !ok {
			t.Errorf("%s: got %d, %t, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "4294967295", "-1", "+1", "app1", "1e3"} {
		if got, ok := contract.ParseID(text); ok {
			t.Errorf("%q: got %d, want none", text, got)
		}
	}
}
