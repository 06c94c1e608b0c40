package jsontree

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// SyntaxError is the first reason why a text is not one JSON value in UTF-8.
type SyntaxError struct {
	// Reason says what is wrong and, where possible, what to do.
	Reason string
	// Line and Column count from 1, the column in characters. They are zero where the error is
	// about the whole text.
	Line, Column int
}

// Error returns the reason without the position.
func (e *SyntaxError) Error() string { return e.Reason }

func syntaxError(text []byte, offset int, reason string) *SyntaxError {
	e := &SyntaxError{Reason: reason}
	e.Line, e.Column = position(text, offset)
	return e
}

// checkSyntax returns a *SyntaxError if text is not exactly one JSON value in UTF-8. See Parse for
// expected.
func checkSyntax(text []byte, expected string) error {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return &SyntaxError{Reason: "the text is UTF-16: save it as UTF-8"}
	}
	if i := invalidUTF8(text); i >= 0 {
		return syntaxError(text, i, "the text is not UTF-8: save it as UTF-8")
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return &SyntaxError{Reason: "the text is empty: " + expected}
	}
	var raw json.RawMessage
	err := json.Unmarshal(text, &raw)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return &SyntaxError{Reason: err.Error()}
	}
	if strings.HasPrefix(syntax.Error(), "unexpected end") {
		return unexpectedEnd(text)
	}
	// Offset counts the bytes read, including the wrong one.
	offset := max(0, int(syntax.Offset)-1)
	at, reason := explain(text, offset, syntax.Error(), expected)
	return syntaxError(text, at, reason)
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func unexpectedEnd(text []byte) *SyntaxError {
	reason := "the text ends too early: a closing brace, bracket or quotation mark is missing"
	if bytes.Contains(text, []byte(`\"`)) {
		reason += `; a quotation mark after a backslash, as PowerShell writes it, does not end a string`
	}
	return syntaxError(text, len(text), reason)
}
