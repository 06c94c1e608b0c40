package contract_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// TestEncode covers all fields of settings together, and the fields of an entry one by one.
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
			t.Errorf("Parse reads other settings from %s (-want +got):\n%s", data, diff)
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
		t.Errorf("got %s, %s for the same settings and %s for other settings", one, same, other)
	}
	// Existing pods carry the hash in an annotation, so it must never change for the same settings.
	if want := "aa55a59024838415"; one != want {
		t.Errorf("got %s, want %s", one, want)
	}
}
