package contract

import (
	"fmt"
	"strings"
)

// Paths of parts of the settings, as in FieldError.Path and in warnings.
const (
	PathSecrets        = "secretsManagementSettings"
	PathObserved       = PathSecrets + ".observedCertificates"
	PathAuthentication = "authenticationSettings"
	PathLogging        = "loggingSettings"
)

// FieldError is one error in settings.
type FieldError struct {
	// Path is the path of the wrong value, as in
	// "secretsManagementSettings.observedCertificates[1].url". It is empty if the error is about
	// the whole text.
	Path string
	// Value is the wrong value, if showing it helps. It never contains credentials.
	Value string
	// Reason says what is wrong, and what is allowed or what to do.
	Reason string
	// Line and Column are the position in the text. Both count from 1, the column in characters.
	// They are zero in errors of Validate, which does not see the text.
	Line, Column int
}

// Error returns the position, path, value and reason, as far as they are known.
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

// FieldErrors is the error type of Parse and Validate. Errors of Parse are in the order of the
// text, errors of Validate in the order of the schema with the entries last.
type FieldErrors []*FieldError

// maxTexts bounds the message: it is shown in an admission response and in events.
const maxTexts = 10

// Error joins the first ten messages and counts the others.
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

// Unwrap lets errors.As find the FieldErrors in the list.
func (l FieldErrors) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}

// err returns l as an error, or nil if it is empty.
func (l FieldErrors) err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// maxShown is the maximum length of a value in a message, in characters.
const maxShown = 120

// quote returns s in quotation marks for a message, cut to maxShown characters.
func quote(s string) string {
	short := []rune(s[:min(len(s), 4*maxShown)])
	if len(short) > maxShown {
		return fmt.Sprintf("%q...", string(short[:maxShown]))
	}
	return fmt.Sprintf("%q", string(short))
}
