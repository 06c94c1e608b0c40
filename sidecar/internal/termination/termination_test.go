package termination

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestShorten(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", maxText)} {
		if got := shorten(text); got != text {
			t.Errorf("a text of %d bytes is cut to %d", len(text), len(got))
		}
	}
	for _, text := range []string{strings.Repeat("x", maxText+1), strings.Repeat("é", maxText), "x" + strings.Repeat("é", maxText)} {
		got := shorten(text)
		if len(got) > 4096 || len(got) < maxText-1 || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
			t.Errorf("a text of %d bytes is cut to %d: %q", len(text), len(got), got[len(got)-10:])
		}
	}
}
