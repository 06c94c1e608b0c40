package winstore

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMark(t *testing.T) {
	for _, m := range []mark{
		{Certificate: "shop.web", Version: "0123abcd", Sequence: 1},
		{Certificate: "shop.web", Version: "0123abcd", Sequence: 12, Exportable: true, Accounts: []string{`IIS AppPool\"shop"`, "Zoë"}},
	} {
		got, ok := parseMark(m.String())
		if diff := cmp.Diff(m, got); !ok || diff != "" {
			t.Errorf("%s is read as %v (-want +got):\n%s", m, ok, diff)
		}
	}
}

// Certificates without a complete mark are foreign.
func TestForeignDescription(t *testing.T) {
	for _, description := range []string{
		"", "Web server", markPrefix, markPrefix + "{", markPrefix + `{"certificate":"shop.web"}`, markPrefix + `{"version":"1"}`,
		markPrefix + `[]`, `copy of ` + mark{Certificate: "a.b", Version: "1"}.String(),
	} {
		if m, ok := parseMark(description); ok {
			t.Errorf("%q is read as %+v", description, m)
		}
	}
}

func TestNewestFirst(t *testing.T) {
	marks := []mark{{Sequence: 2}, {Sequence: 11}, {Sequence: 9}}
	slices.SortFunc(marks, newestFirst)
	if diff := cmp.Diff([]mark{{Sequence: 11}, {Sequence: 9}, {Sequence: 2}}, marks); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestKeyAccess(t *testing.T) {
	want := "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GR;;;S-1-5-20)(A;;GR;;;S-1-5-82-1)"
	if got := keyAccess([]string{"S-1-5-20", "S-1-5-82-1"}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
