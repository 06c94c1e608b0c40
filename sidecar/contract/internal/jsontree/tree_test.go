package jsontree_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/internal/jsontree"
)

func parse(t *testing.T, text string) *jsontree.Document {
	t.Helper()
	d, err := jsontree.Parse([]byte(text), "", limits)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParse(t *testing.T) {
	got := parse(t, ` {"a": [null, true ,-1.50e3], "b":{}, "a" : "\u00fc\n"}`).Root
	want := &jsontree.Value{Kind: jsontree.Object, Offset: 1, Members: []jsontree.Member{
		{Key: "a", Offset: 2, Value: &jsontree.Value{Kind: jsontree.Array, Offset: 7, Items: []*jsontree.Value{
			{Kind: jsontree.Null, Offset: 8},
			{Kind: jsontree.Bool, Offset: 14, Text: "true"},
			{Kind: jsontree.Number, Offset: 20, Text: "-1.50e3"},
		}}},
		{Key: "b", Offset: 30, Value: &jsontree.Value{Kind: jsontree.Object, Offset: 34}},
		{Key: "a", Offset: 38, Value: &jsontree.Value{Kind: jsontree.String, Offset: 44, Text: "ü\n"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
}

// TestMember checks that the first of several members with the same key is returned.
func TestMember(t *testing.T) {
	root := parse(t, `{"a": 1, "b": 2, "a": 3}`).Root
	if got := root.Member("a"); got == nil || got.Text != "1" {
		t.Errorf("a: got %+v, want 1", got)
	}
	if got := root.Member("c"); got != nil {
		t.Errorf("c: got %+v, want nil", got)
	}
	if got := root.Member("a").Member("a"); got != nil {
		t.Errorf("member of a number: got %+v, want nil", got)
	}
}

func TestPosition(t *testing.T) {
	d := parse(t, "\xef\xbb\xbf{\n \"ü\": 1}")
	for offset, want := range map[int][2]int{0: {1, 1}, 1: {1, 2}, 2: {2, 1}, 3: {2, 2}, 9: {2, 7}, 11: {2, 9}, 99: {2, 9}} {
		if line, column := d.Position(offset); line != want[0] || column != want[1] {
			t.Errorf("offset %d: got line %d, column %d, want %v", offset, line, column, want)
		}
	}
}
