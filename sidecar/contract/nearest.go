package contract

import (
	"cmp"
	"strings"
	"unicode/utf8"
)

// Nearest returns the candidate that word probably means, or "". It prefers, in this order: a
// candidate that differs only in case; the one with the fewest edits, if there are at most as many
// edits as a third of the word's characters; one that is a prefix of word, or has word as a prefix.
// Of equally near candidates it returns the first.
func Nearest(word string, candidates []string) string {
	word = word[:min(len(word), maxWord)]
	lower := strings.ToLower(word)
	best, limit := "", max(1, utf8.RuneCountInString(word)/3)
	samePrefix := ""
	for _, c := range candidates {
		candidate := strings.ToLower(c)
		if lower == candidate {
			return c
		}
		if d := distance(lower, candidate, limit); d <= limit {
			best, limit = c, d-1
		}
		if samePrefix == "" && min(len(lower), len(candidate)) >= minPrefix &&
			(strings.HasPrefix(lower, candidate) || strings.HasPrefix(candidate, lower)) {
			samePrefix = c
		}
	}
	return cmp.Or(best, samePrefix)
}

// maxWord is the length of a word that is compared, in bytes. No candidate is that long. It bounds
// the work.
const maxWord = 100

// minPrefix is the length of the shortest prefix that is probably not an accident.
const minPrefix = 4

// distance counts the edits between a and b: insertions, deletions, substitutions and swaps of
// neighbours (optimal string alignment). If there are more than limit edits, it can return any
// number above limit.
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
