package admission

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Limits of admission warnings: beyond the total the API server cuts each to maxWarning and drops the rest silently.
//
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response and
// k8s.io/apiserver/pkg/endpoints/filters/warning.go
const (
	maxWarning  = 256  // characters
	maxWarnings = 4096 // characters in total
)

// fitWarnings makes warnings fit into the limits and says how many were left out. The API server drops a
// warning with a control character, so those become spaces.
func fitWarnings(warnings []string) []string {
	clean := make([]string, 0, len(warnings))
	total := 0
	for _, w := range warnings {
		w = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(w, "?"), func(r rune) bool {
			return unicode.IsControl(r) || unicode.IsSpace(r)
		}), " ")
		clean = append(clean, w)
		total += utf8.RuneCountInString(w)
	}
	if total <= maxWarnings {
		return clean
	}
	left := maxWarnings - maxWarning // the last is for the remark
	for i, w := range clean {
		clean[i] = cut(w, maxWarning)
		left -= utf8.RuneCountInString(clean[i])
		if left < 0 {
			return append(clean[:i], fmt.Sprintf("%d more warnings are in the pod's annotation %s", len(clean)-i, contract.Prefix+contract.KeyWarnings))
		}
	}
	return clean
}

// cut shortens a text to a number of characters.
func cut(s string, length int) string {
	if utf8.RuneCountInString(s) <= length {
		return s
	}
	const dots = "..."
	return string([]rune(s)[:length-len(dots)]) + dots
}
