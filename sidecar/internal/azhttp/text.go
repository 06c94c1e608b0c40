package azhttp

import (
	"regexp"
	"strings"
	"unicode"
)

// jwt matches text that looks like a token. No known response contains a token, but one must never
// get into a log.
var jwt = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.?[\w-]*`)

// maxText limits a text of a response.
const maxText = 400

// CleanText makes a text of a service's response safe for an error or a log: one line, of limited
// length, without tokens.
func CleanText(text string) string {
	text = jwt.ReplaceAllString(text, "[token]")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == ' ' }), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}
