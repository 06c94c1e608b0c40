package jsontree_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/internal/jsontree"
)

// limits are those of the tests.
var limits = jsontree.Limits{Bytes: 1 << 20, Depth: 16}

var update = flag.Bool("update", false, "write the golden file")

// TestSyntax compares the message for each kind of mistake with a golden file.
func TestSyntax(t *testing.T) {
	texts := []string{
		"",
		" \n",
		"\xef\xbb\xbf",
		"\xef\xbb\xbf{}",
		"\xef\xbb\xbf{,}",
		"\xff\xfe{\x00}\x00",
		"{\"a\": \"\xe9\"}",
		"{} {}",
		"{},",
		"{",
		"{\"a",
		"{\"a\": [",
		"{\n  \"a\": {\n    \"b\": 1,\n  }\n}",
		"{\"a\": [\"b\", ]}",
		"{\"a\": \"ü\",}",
		"{,}",
		"[1,,2]",
		"{\"a\": ,}",
		`{\"a\": {}}`,
		`{"a": {"b\": 1}}`,
		"// a comment\n{}",
		"{\"a\": 1 /* one */}",
		"# a comment\n{}",
		"{\"a\": <a>}",
		"{'a': 1}",
		"{“a”: 1}",
		"{a: 1}",
		"a:\n  b: 1\n",
		"{\"a\" 1}",
		"{\"a\": 1 \"b\": 2}",
		"[1 2]",
		"{\"a\": True}",
		"{\"a\": nul}",
		"{\"a\": 01}",
		"{\"a\": +1}",
		"{\"a\": \"line\nbreak\"}",
		"{\"a\": \"C:\\data\"}",
		"{\"a\": \"\\u12g4\"}",
		`"a": {"b": 1}`,
		`"a": {"b": true, ...}`,
		`{"a": {"b": true, ...}}`,
		strings.Repeat("[", 20000),
	}
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, "%.120q\n    %s\n", text, result(t, text))
	}
	const path = "testdata/syntax.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

func result(t *testing.T, text string) string {
	t.Helper()
	_, err := jsontree.Parse([]byte(text), "expected an object", limits)
	if err == nil {
		return "accepted"
	}
	var e *jsontree.SyntaxError
	if !errors.As(err, &e) {
		t.Fatalf("%q: got an error of type %T", text, err)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e)
}
