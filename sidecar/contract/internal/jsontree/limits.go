package jsontree

import "fmt"

// check returns a *SyntaxError if text is beyond a limit. It needs no memory, and works on text
// that is not JSON, too.
func (l Limits) check(text []byte) error {
	if len(text) > l.Bytes {
		return &SyntaxError{Reason: fmt.Sprintf("the text has %d bytes, more than the limit of %d", len(text), l.Bytes)}
	}
	if offset := deeper(text, l.Depth); offset >= 0 {
		return syntaxError(text, offset, fmt.Sprintf("arrays or objects are nested more than %d levels deep", l.Depth))
	}
	return nil
}

// deeper returns the offset of the first bracket that opens more than depth arrays and objects, or
// -1.
func deeper(text []byte, depth int) int {
	open, inString := 0, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case inString && c == '\\':
			i++ // the escaped character
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			if open++; open > depth {
				return i
			}
		case c == ']' || c == '}':
			open--
		}
	}
	return -1
}
