package jsontree

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// explain turns the message of encoding/json about the character at offset into advice, for the
// mistakes that happen when people copy settings from documents, scripts and templates. It also
// returns the offset of the mistake, which can be before that character. See Parse for expected.
func explain(text []byte, offset int, message, expected string) (mistake int, advice string) {
	before := bytes.TrimRight(text[:offset], " \t\r\n")
	previous := byte(0)
	if len(before) > 0 {
		previous = before[len(before)-1]
	}
	r, _ := utf8.DecodeRune(text[offset:])
	switch {
	case strings.Contains(message, "max depth"):
		advice = "arrays or objects are nested too deeply"
	case strings.Contains(message, "in string literal"):
		advice = fmt.Sprintf("character %q within a string: the closing quotation mark is missing, or write it as \\u%04x", r, r)
	case strings.Contains(message, "in string escape code"), strings.Contains(message, "hexadecimal character escape"):
		advice = `unknown escape in a string: write a backslash as "\\"`
	case strings.Contains(message, "after top-level value") && r == ':':
		advice = "this is only the inside of an object: put { before it and } after it"
	case strings.Contains(message, "after top-level value"):
		advice = "there is more text after the JSON value: remove it"
	case (r == '}' || r == ']') && previous == ',':
		return len(before) - 1, "trailing comma: JSON does not allow a comma before " + string(r) + ": remove it"
	case r == ',':
		advice = "a comma without a value before it: remove it"
	case r == '\\':
		advice = `a backslash before a quotation mark: the text was escaped twice, as PowerShell does; write " instead of \"`
	case r == '/' || r == '#':
		advice = "JSON does not allow comments: remove it"
	case bytes.HasPrefix(text[offset:], []byte("...")):
		advice = "... stands for what a document leaves out: remove it"
	case r == '<':
		advice = "<...> is a placeholder: replace it with the value"
	case r == '\'' || unicode.Is(unicode.Quotation_Mark, r) && r != '"':
		advice = fmt.Sprintf(`wrong quotation mark %c: JSON needs "`, r)
	case previous == 0 && unicode.IsLetter(r):
		advice = "this is not JSON (YAML is not supported): " + expected
	case strings.Contains(message, "looking for beginning of object key"):
		advice = "expected a key in quotation marks"
	case strings.Contains(message, "after object key:value pair"), strings.Contains(message, "after array element"):
		advice = fmt.Sprintf("character %q where a comma or the closing bracket is expected", r)
	case strings.Contains(message, "after object key"):
		advice = fmt.Sprintf("character %q where the colon after a key is expected", r)
	default:
		advice = fmt.Sprintf("character %q where a value is expected: strings need quotation marks; true, false and null are lower case", r)
	}
	return offset, advice
}
