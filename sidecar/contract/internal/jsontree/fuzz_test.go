package jsontree_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/internal/jsontree"
)

// FuzzParse compares Parse with encoding/json: both accept the same texts and read the same values.
// It also checks that each offset points to the text of its value, and that an error has a message.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[1, -2.5e3, "a\u00e9\ud800", true, null]`, ` {"a": {"b": []}, "a" : "c"} `, "\xef\xbb\xbf{}",
		`{"a": 1,}`, `{'a': 1}`, `"\"`, "\xff\xfe{", `[[[[`, `[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]`, `[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]`, `["[[[[[[[[[[[[[[[[[[\\\"[[[["]`, `{} {}`, `// {}`, "\"\x00\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := jsontree.Parse(text, "expected an object", limits)
		plain := bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		if depth := depthOf(plain); depth > limits.Depth || len(plain) > limits.Bytes {
			if err == nil {
				t.Fatalf("accepted with %d bytes and a depth of %d", len(plain), depth)
			}
			return
		}
		if valid := utf8.Valid(plain) && json.Valid(plain); valid != (err == nil) {
			t.Fatalf("valid is %t, but the error is %v", valid, err)
		}
		if err != nil {
			if err.Error() == "" {
				t.Fatal("the error has no message")
			}
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(plain))
		decoder.UseNumber()
		var want any
		if err := decoder.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, decode(t, plain, d.Root)); diff != "" {
			t.Fatalf("values (-encoding/json +jsontree):\n%s", diff)
		}
	})
}

// depthOf returns how many arrays and objects are around the innermost value of a JSON text, and -1
// if it is not JSON.
func depthOf(text []byte) int {
	deepest, open := 0, 0
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return deepest
		}
		if err != nil {
			return -1
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			open++
			deepest = max(deepest, open)
		case json.Delim(']'), json.Delim('}'):
			open--
		}
	}
}

// decode returns what encoding/json decodes into an any, and checks the offsets.
func decode(t *testing.T, text []byte, v *jsontree.Value) any {
	t.Helper()
	rest := text[v.Offset:]
	switch v.Kind {
	case jsontree.Bool:
		checkPrefix(t, rest, v.Text)
		return v.Text == "true"
	case jsontree.Number:
		checkPrefix(t, rest, v.Text)
		return json.Number(v.Text)
	case jsontree.String:
		checkPrefix(t, rest, `"`)
		return v.Text
	case jsontree.Array:
		checkPrefix(t, rest, "[")
		list := []any{}
		for _, item := range v.Items {
			list = append(list, decode(t, text, item))
		}
		return list
	case jsontree.Object:
		checkPrefix(t, rest, "{")
		object := map[string]any{}
		for _, m := range v.Members {
			checkPrefix(t, text[m.Offset:], `"`)
			object[m.Key] = decode(t, text, m.Value) // the last duplicate wins
		}
		return object
	default:
		checkPrefix(t, rest, "null")
		return nil
	}
}

func checkPrefix(t *testing.T, text []byte, want string) {
	t.Helper()
	if !bytes.HasPrefix(text, []byte(want)) {
		t.Fatalf("got %.20q at the offset, want %q", text, want)
	}
}
