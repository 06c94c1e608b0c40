package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShorten(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", maxTermination)} {
		if got := shorten(text); got != text {
			t.Errorf("a text of %d bytes is cut to %d", len(text), len(got))
		}
	}
	for _, text := range []string{strings.Repeat("x", maxTermination+1), strings.Repeat("é", maxTermination), "x" + strings.Repeat("é", maxTermination)} {
		got := shorten(text)
		if len(got) > 4096 || len(got) < maxTermination-1 || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
			t.Errorf("a text of %d bytes is cut to %d: %q", len(text), len(got), got[len(got)-10:])
		}
	}
}
