package settings

import (
	"fmt"
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

var (
	knownKeys   = contract.AnnotationKeys()
	writtenKeys = contract.WrittenKeys()
)

// maxUnknown is the number of unknown keys that are named; further ones are only counted.
const maxUnknown = 10

// unknown returns a warning for each certsync annotation with an unknown key, up to a limit.
func (a *annotations) unknown() []string {
	var warnings []string
	more := 0
	for l := Pod; l < levels; l++ {
		for _, p := range a[l] {
			if slices.Contains(knownKeys, p.key) || l == Pod && slices.Contains(writtenKeys, p.key) {
				continue
			}
			if len(warnings) == maxUnknown {
				more++
				continue
			}
			text := fmt.Sprintf("annotation %s%s %s is unknown and has no effect", contract.Prefix, p.key, l.phrase())
			if near := contract.Nearest(p.key, knownKeys); near != "" {
				text += fmt.Sprintf(": did you mean %q?", near)
			}
			warnings = append(warnings, text)
		}
	}
	if more > 0 {
		warnings = append(warnings, fmt.Sprintf("%d more annotations with the prefix %s are unknown and have no effect", more, contract.Prefix))
	}
	return warnings
}
