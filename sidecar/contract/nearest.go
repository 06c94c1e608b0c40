package contract

import (
	"cmp"
	"strings"
	"unicode/utf8"
)

// Nearest returns the candidate that was probably meant by word, or "" where none is near: one that
// differs in case only; or the one with the fewest edits, as long as they are at most a third of the
// word; or one of which word is a beginning, or the other way round. Of equally near ones it takes the first.
func Nearest(word string, candidates []string) string {
	lower := strings.ToLower(word)
	best, limit := "", max(1, utf8.RuneCountInString(word)/3)
	beginning := ""
	for _, c := range candidates {
		candidate := strings.ToLower(c)
		if lower == candidate {
			return c
		}
		if d := distance(lower, candidate, limit); d <= limit {
			best, limit = c, d-1
		}
		if beginning == "" && min(len(lower), len(candidate)) >= minBeginning &&
			(strings.HasPrefix(lower, candidate) || strings.HasPrefix(candidate, lower)) {
			beginning = c
		}
	}
	return cmp.Or(best, beginning)
}

// minBeginning is the length from which one word that begins another is no accident.
const minBeginning = 4

// distance counts the edits between a and b: insertions, deletions, substitutions and swaps of
// neighbours (optimal string alignment). It may return any number above limit instead of a larger one.
func distance(a, b string, limit int) int {
	if n := utf8.RuneCountInString(a) - utf8.RuneCountInString(b); n > limit || -n > limit {
		return limit + 1
	}
	s, t := []rune(a), []rune(b)
	before, above, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range above {
		above[j] = j
	}
	for i := range s {
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(t)]
}
