package contract_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// TestEncode covers all fields of a system's settings together, and the fields of an entry one by
// one.
func TestEncode(t *testing.T) {
	for _, system := range []contract.System{contract.SystemLinux, contract.SystemWindows} {
		t.Run(string(system), func(t *testing.T) { testEncode(t, system) })
	}
}

func testEncode(t *testing.T, system contract.System) {
	check := func(s *contract.Settings) {
		t.Helper()
		data, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := contract.ParseFor(system, data)
		if err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("Parse reads other settings from %s (-want +got):\n%s", data, diff)
		}
	}
	check(&contract.Settings{})
	all := filled("<&>\u2028\"\\")
	removeForeign(reflect.ValueOf(all).Elem(), system)
	check(all)
	observed := reflect.TypeFor[contract.ObservedCertificate]()
	for i := range observed.NumField() {
		var o contract.ObservedCertificate
		fill(reflect.ValueOf(&o).Elem().Field(i), "x")
		removeForeign(reflect.ValueOf(&o).Elem(), system)
		check(&contract.Settings{SecretsManagement: contract.SecretsManagement{ObservedCertificates: []contract.ObservedCertificate{o}}})
	}
}

// removeForeign empties the fields that only the other system has.
func removeForeign(v reflect.Value, system contract.System) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if only := v.Type().Field(i).Tag.Get("system"); only != "" && only != string(system) {
				v.Field(i).SetZero()
			}
			removeForeign(v.Field(i), system)
		}
	case reflect.Slice:
		for i := range v.Len() {
			removeForeign(v.Index(i), system)
		}
	default: // a value
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
		t.Errorf("got %s, %s for the same settings and %s for other settings", one, same, other)
	}
	// Existing pods carry the hash in an annotation, so it must never change for the same settings.
	if want := "aa55a59024838415"; one != want {
		t.Errorf("got %s, want %s", one, want)
	}
}
