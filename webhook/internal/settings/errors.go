package settings

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is an annotation that cannot be served: the reason for a denial.
type Error struct {
	// Annotation is the full key; Level is where it was found.
	Annotation string
	Level      Level
	// Entry counts from 1 the element of a list that is meant; 0 is the whole value.
	Entry int
	// Value is what was found; it is shortened in the message. Empty where showing it does not help.
	Value string
	// Reason says what is wrong and what is allowed, or what to do.
	Reason string
}

// maxShown bounds the part of a value that a message repeats, in bytes.
const maxShown = 200

// Error returns, for example: annotation certsync.azure.workload.identity/certificates on the pod:
// entry 2: "https://...": reason.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "annotation %s %s: ", e.Annotation, e.Level.on())
	if e.Entry > 0 {
		fmt.Fprintf(&b, "entry %d: ", e.Entry)
	}
	if e.Value != "" {
		fmt.Fprintf(&b, "%q: ", shorten(e.Value))
	}
	b.WriteString(e.Reason)
	return b.String()
}

// shorten cuts a value between two characters where it is longer than a message should be.
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

// Errors are all annotations that cannot be served.
type Errors []*Error

// maxErrors bounds what Error returns: it ends up in an admission answer and in events.
const maxErrors = 10

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

// Unwrap gives errors.As each of them.
func (l Errors) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}
