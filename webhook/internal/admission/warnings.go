package admission

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Limits for admission warnings. Above the total the API server truncates each to maxWarning and
// silently drops the rest.
//
// Source:
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response
// and k8s.io/apiserver/pkg/endpoints/filters/warning.go
const (
	maxWarning  = 256  // characters
	maxWarnings = 4096 // characters in total
)

// fitWarnings fits warnings into the limits and adds a remark with the number of omitted ones. It
// replaces control characters by spaces, since the API server drops a warning that contains one.
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
	left := maxWarnings - maxWarning // room for the remark
	for i, w := range clean {
		clean[i] = truncate(w, maxWarning)
		left -= utf8.RuneCountInString(clean[i])
		if left < 0 {
			return append(clean[:i], fmt.Sprintf("%d more warnings are in the pod's annotation %s",
				len(clean)-i, contract.Prefix+contract.KeyWarnings))
		}
	}
	return clean
}

// truncate shortens a text to a number of characters.
func truncate(s string, length int) string {
	if utf8.RuneCountInString(s) <= length {
		return s
	}
	const dots = "..."
	return string([]rune(s)[:length-len(dots)]) + dots
}
