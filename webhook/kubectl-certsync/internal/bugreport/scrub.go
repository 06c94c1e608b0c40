package bugreport

import "regexp"

// removed replaces what is scrubbed.
const removed = "REMOVED"

// patterns match what must not be in a report, and what remains of it.
var patterns = []struct {
	expression *regexp.Regexp
	remains    string
}{
	// JSON web tokens: service-account tokens and those of Entra ID.
	{regexp.MustCompile(`eyJ[\w-]*\.[\w-]+\.?[\w-]*`), removed},
	// Private keys in PEM, also with line breaks that are escaped, and also cut off.
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`), removed},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w+/=.~-]{8,}`), "$1 " + removed},
	// User and password of a URL.
	{regexp.MustCompile(`(://)[^/\s"'@]+@`), "$1" + removed + "@"},
	// The same in base64, as in a Secret.
	{regexp.MustCompile(`LS0tLS1CRUdJTi(?:BQUklW|BSU0Eg|BFQyBQ|BFTkNS)[\w+/=]*`), removed},
	// Parameters and settings whose name says that the value is secret. The words token and secret
	// also occur in sentences, so they count only before "=" and in JSON. JSON may be in a
	// string, so quotes may have backslashes.
	{regexp.MustCompile(`(?i)((?:password|passwd|client_secret|assertion|sig|api[_-]?key|access[_-]?key)\\*["']?\s*[=:]\s*\\*["']?)[^\s"'&,;}\\]{4,}`),
		"${1}" + removed},
	{regexp.MustCompile(`(?i)((?:token|secret)(?:=|\\*"\s*:\s*)\\*["']?)[^\s"'&,;}\\]{4,}`), "${1}" + removed},
}

// Scrub removes texts that look secret.
func Scrub(text []byte) []byte {
	for _, p := range patterns {
		text = p.expression.ReplaceAll(text, []byte(p.remains))
	}
	return text
}
