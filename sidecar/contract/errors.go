package contract

import (
	"fmt"
	"strings"
)

// FieldError is one thing that is wrong with settings.
type FieldError struct {
	// Path names the value, as in "secretsManagementSettings.observedCertificates[1].url".
	Path string
	// Value is what was found, where showing it helps.
	Value string
	// Reason says what is wrong with it and what is allowed or to be done.
	Reason string
}

func (e *FieldError) Error() string {
	if e.Value == "" {
		return e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("%s: %q: %s", e.Path, e.Value, e.Reason)
}

// FieldErrors are all that is wrong, in the order of the document. Parse and Validate return it.
type FieldErrors []*FieldError

func (l FieldErrors) Error() string {
	texts := make([]string, len(l))
	for i, e := range l {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}
