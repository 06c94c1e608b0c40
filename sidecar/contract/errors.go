package contract

import (
	"fmt"
	"strings"
)

// FieldError is one thing that is wrong with settings.
type FieldError struct {
	// Path names the value, as in "secretsManagementSettings.observedCertificates[1].url"; it is empty
	// where the text is no JSON object.
	Path string
	// Value is what was found, where showing it helps. It never holds credentials.
	Value string
	// Reason says what is wrong with it and what is allowed or to be done.
	Reason string
	// Line and Column, from 1 and in characters, are the place in the text; zero from Validate, which
	// has no text.
	Line, Column int
}

func (e *FieldError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Column)
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	if e.Value != "" {
		b.WriteString(quote(e.Value) + ": ")
	}
	return b.String() + e.Reason
}

// FieldErrors are all that is wrong: from Parse in the order of the text, from Validate in the order of
// the schema, entries last. It is the only type of error of the two.
type FieldErrors []*FieldError

// maxTexts bounds what Error returns: it ends up in an admission answer and in events.
const maxTexts = 10

func (l FieldErrors) Error() string {
	texts := make([]string, 0, maxTexts+1)
	for i, e := range l {
		if i == maxTexts {
			texts = append(texts, fmt.Sprintf("and %d more", len(l)-i))
			break
		}
		texts = append(texts, e.Error())
	}
	return strings.Join(texts, "; ")
}

// Unwrap lets errors.As find each FieldError.
func (l FieldErrors) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}

// err returns l as an error that is nil when there is nothing in it.
func (l FieldErrors) err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// maxShown bounds a value in a message, in characters.
const maxShown = 120

// quote returns s as it is shown in messages: quoted, and cut where it is long.
func quote(s string) string {
	short := []rune(s[:min(len(s), 4*maxShown)])
	if len(short) > maxShown {
		return fmt.Sprintf("%q...", string(short[:maxShown]))
	}
	return fmt.Sprintf("%q", string(short))
}
