package contract_test

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// fill sets every field below v to a value that depends on mark.
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
	default: // Seconds
		v.SetInt(int64(len(mark)) * int64(time.Minute))
	}
}

func filled(mark string) *contract.Settings {
	s := &contract.Settings{}
	fill(reflect.ValueOf(s).Elem(), mark)
	return s
}

// TestOverlay uses reflection to cover all fields, including future ones.
func TestOverlay(t *testing.T) {
	base, over := filled("b"), filled("ov")
	want := filled("ov")
	want.SecretsManagement.ObservedCertificates = slices.Concat(
		filled("b").SecretsManagement.ObservedCertificates, filled("ov").SecretsManagement.ObservedCertificates)

	got := contract.Overlay(base, over)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("over does not replace base (-want +got):\n%s", diff)
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
		t.Errorf("without both (-want +got):\n%s", diff)
	}

	*got.SecretsManagement.RequireInitialSync = !*got.SecretsManagement.RequireInitialSync
	for i := range got.SecretsManagement.ObservedCertificates {
		got.SecretsManagement.ObservedCertificates[i].URL = "changed"
		got.SecretsManagement.ObservedCertificates[i].ACLs[0].User = "changed"
	}
	got.SecretsManagement.Formats[0] = "changed"
	if diff := cmp.Diff([]*contract.Settings{filled("b"), filled("ov")}, []*contract.Settings{base, over}); diff != "" {
		t.Errorf("the result shares memory with the arguments (-before +after):\n%s", diff)
	}
}
