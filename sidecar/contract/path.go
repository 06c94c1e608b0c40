package contract

import (
	"path"
	"strings"
)

// checkAbsolute returns an error if p is not an absolute, clean path, and "" otherwise.
func checkAbsolute(p string) string {
	switch {
	case !path.IsAbs(p):
		return "expected an absolute path"
	case strings.ContainsFunc(p, isControl):
		return "control characters are not allowed"
	case len(p) >= 4096: // PATH_MAX
		return "is too long for a path"
	case path.Clean(p) != p:
		return "write it without //, . and .., as " + quote(path.Clean(p))
	}
	return ""
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// Within reports whether p is dir or below it. Both are clean paths.
func Within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}
