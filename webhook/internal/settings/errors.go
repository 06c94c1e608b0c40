package settings

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is an invalid annotation. The webhook denies the pod.
type Error struct {
	// Annotation is the full key.
	Annotation string
	Level      Level
	// Entry is the wrong element of a list, from 1. Zero means the whole value.
	Entry int
	// Value is the wrong value, or empty if showing it does not help. The message shortens it.
	Value string
	// Reason says what is wrong, and what is allowed or what to do.
	Reason string
}

// maxShown is the maximum length of a value in a message, in bytes.
const maxShown = 200

// Error returns, for example: annotation certsync.azure.workload.identity/certificates on the pod:
// entry 2: "https://...": reason.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "annotation %s %s: ", e.Annotation, e.Level.phrase())
	if e.Entry > 0 {
		fmt.Fprintf(&b, "entry %d: ", e.Entry)
	}
	if e.Value != "" {
		fmt.Fprintf(&b, "%q: ", shorten(e.Value))
	}
	b.WriteString(e.Reason)
	return b.String()
}

// shorten cuts a value that is longer than maxShown between two characters.
func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	end := maxShown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// Errors are all invalid annotations of a pod.
type Errors []*Error

// maxErrors bounds the message: it is shown in an admission response and in events.
const maxErrors = 10

// Error joins the first ten messages and counts the others.
func (l Errors) Error() string {
	shown := l[:min(len(l), maxErrors)]
	texts := make([]string, len(shown), len(shown)+1)
	for i, e := range shown {
		texts[i] = e.Error()
	}
	if more := len(l) - len(shown); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

// Unwrap lets errors.As find the Errors in the list.
func (l Errors) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}
