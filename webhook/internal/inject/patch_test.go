package inject_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// TestAppend checks that Append writes what json.Marshal writes, and an empty array for an empty
// patch.
func TestAppend(t *testing.T) {
	forEachAdmitted(t, func(t *testing.T, in *input, _ []byte) {
		r, err := in.run(decode(t, in.Pod))
		if err != nil {
			t.Fatal(err)
		}
		want := asAny(t, json.Marshal, r.Patch)
		if len(r.Patch) == 0 {
			want = []any{}
		}
		got := asAny(t, func(any) ([]byte, error) { return r.Patch.Append(nil) }, nil)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func asAny(t *testing.T, encode func(any) ([]byte, error), v any) (out any) {
	t.Helper()
	data, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return out
}

func TestNativeSupportOf(t *testing.T) {
	for version, want := range map[[2]int]inject.NativeSupport{
		{1, 28}: inject.NativeUnsupported,
		{1, 29}: inject.NativeOnRequest,
		{1, 31}: inject.NativeOnRequest,
		{1, 32}: inject.NativeDefault,
		{2, 0}:  inject.NativeDefault,
		{0, 0}:  inject.NativeUnsupported,
	} {
		if got := inject.NativeSupportOf(version[0], version[1]); got != want {
			t.Errorf("%v: %v, want %v", version, got, want)
		}
	}
}
