package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page in docs has every table, as the code is now, and is the same after another run.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := renderPage(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(page), string(fresh)); diff != "" {
		t.Errorf("docs/reference.md is not current: run 'make generate':\n%s", diff)
	}
}

func TestPageErrors(t *testing.T) {
	for _, test := range []struct{ name, page, want string }{
		{"a table is missing", "", `no region for the table "metrics"`},
		{"an unknown table", "<!-- generated: planets -->\n<!-- end -->\n", `no table has this name`},
		{"a region without end", "<!-- generated: reasons -->\n", "has no end"},
		{"a region twice", strings.Repeat("<!-- generated: reasons -->\n<!-- end -->\n", 2), "begins twice"},
	} {
		if _, err := renderPage([]byte(test.page)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

func TestParseHelp(t *testing.T) {
	help := "about\n\nFlags:\n  -o FORMAT\n    \toutput FORMAT\n  -v\tverbose\n  -wait duration\n    \twait at most\n\nVariables: X\n"
	want := [][2]string{{"o FORMAT", "output FORMAT"}, {"v", "verbose"}, {"wait duration", "wait at most"}}
	if diff := cmp.Diff(want, parseHelp(help)); diff != "" {
		t.Error(diff)
	}
	if dashes("o FORMAT") != "-" || dashes("wait duration") != "--" {
		t.Error("a flag of one letter has one dash")
	}
}
