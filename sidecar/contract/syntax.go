package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkSyntax returns what keeps data from being one JSON value in UTF-8, or nil.
func checkSyntax(data []byte) *FieldError {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return &FieldError{Reason: "the text is UTF-16: save it as UTF-8"}
	}
	if i := invalidUTF8(data); i >= 0 {
		return syntaxError(data, i, "the text is not UTF-8: save it as UTF-8")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return &FieldError{Reason: "the text is empty: " + expectedRoot}
	}
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return &FieldError{Reason: err.Error()}
	}
	// Offset counts the bytes that were read, the wrong one included; at the end there is no wrong one.
	if strings.HasPrefix(syntax.Error(), "unexpected end") {
		reason := "the text ends too early: a closing brace, bracket or quotation mark is missing"
		if bytes.Contains(data, []byte(`\"`)) {
			reason += `; a quotation mark after a backslash, as PowerShell writes it, closes no string`
		}
		return syntaxError(data, len(data), reason)
	}
	return explain(data, max(0, int(syntax.Offset)-1), syntax.Error())
}

func syntaxError(data []byte, offset int, reason string) *FieldError {
	e := &FieldError{Reason: reason}
	e.Line, e.Column = position(data, offset)
	return e
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// explain turns the parser's message about the character at offset into what to do, for the mistakes
// that are made when settings are copied from documents, scripts and templates.
func explain(data []byte, offset int, message string) *FieldError {
	before := bytes.TrimRight(data[:offset], " \t\r\n")
	previous := byte(0)
	if len(before) > 0 {
		previous = before[len(before)-1]
	}
	r, _ := utf8.DecodeRune(data[offset:])
	switch {
	case strings.Contains(message, "max depth"):
		return syntaxError(data, offset, "arrays or objects are nested too deeply")
	case strings.Contains(message, "in string literal"):
		return syntaxError(data, offset, fmt.Sprintf("character %q within a string: the closing quotation mark is missing, or write it as \\u%04x", r, r))
	case strings.Contains(message, "in string escape code"), strings.Contains(message, "hexadecimal character escape"):
		return syntaxError(data, offset, `unknown escape in a string: a backslash itself is written "\\"`)
	case strings.Contains(message, "after top-level value") && r == ':':
		return syntaxError(data, offset, "this is a part of an object: put { before all of it and } after it")
	case strings.Contains(message, "after top-level value"):
		return syntaxError(data, offset, "there is more text after the end of the settings: remove it")
	case (r == '}' || r == ']') && previous == ',':
		return syntaxError(data, len(before)-1, "trailing comma: JSON allows none before "+string(r)+": remove it")
	case r == ',':
		return syntaxError(data, offset, "a comma without a value before it: remove it")
	case r == '\\':
		return syntaxError(data, offset, `a backslash before a quotation mark: the text was escaped twice, as PowerShell does; write " in place of \"`)
	case r == '/' || r == '#':
		return syntaxError(data, offset, "JSON has no comments: remove it")
	case bytes.HasPrefix(data[offset:], []byte("...")):
		return syntaxError(data, offset, "... stands for what a document leaves out: remove it")
	case r == '<':
		return syntaxError(data, offset, "<...> is a placeholder: put the value in its place")
	case r == '\'' || unicode.Is(unicode.Quotation_Mark, r) && r != '"':
		return syntaxError(data, offset, fmt.Sprintf(`the quotation mark %c: JSON needs "`, r))
	case previous == 0 && unicode.IsLetter(r):
		return syntaxError(data, offset, "this is not JSON (YAML is not understood): "+expectedRoot)
	case strings.Contains(message, "looking for beginning of object key"):
		return syntaxError(data, offset, `expected a key in quotation marks`)
	case strings.Contains(message, "after object key:value pair"), strings.Contains(message, "after array element"):
		return syntaxError(data, offset, fmt.Sprintf("character %q where a comma or the closing bracket is expected", r))
	case strings.Contains(message, "after object key"):
		return syntaxError(data, offset, fmt.Sprintf("character %q where the colon after a key is expected", r))
	default:
		return syntaxError(data, offset, fmt.Sprintf("character %q where a value is expected: strings need quotation marks; true, false and null are lower case", r))
	}
}
