package admission

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestFitWarnings(t *testing.T) {
	if diff := cmp.Diff([]string{"two lines and a tab", "bad ? byte"}, fitWarnings([]string{"two lines\nand a\ttab", "bad \xff byte"})); diff != "" {
		t.Error(diff)
	}
	long := strings.Repeat("ä", 1000)
	if diff := cmp.Diff([]string{long}, fitWarnings([]string{long})); diff != "" {
		t.Error("one long warning within the total was changed")
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = long
	}
	got := fitWarnings(many)
	total := 0
	for _, w := range got {
		total += utf8.RuneCountInString(w)
	}
	if total > maxWarnings {
		t.Errorf("%d characters, want at most %d", total, maxWarnings)
	}
	if last := got[len(got)-1]; !strings.HasPrefix(last, "85 more warnings") || len(got) != 16 {
		t.Errorf("%d warnings, the last is %q", len(got), last)
	}
}
