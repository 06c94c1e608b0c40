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

// unknown returns a warning for each certsync annotation with an unknown key.
func (a *annotations) unknown() []string {
	var warnings []string
	for l := Pod; l < levels; l++ {
		for _, p := range a[l] {
			if slices.Contains(knownKeys, p.key) || l == Pod && slices.Contains(writtenKeys, p.key) {
				continue
			}
			text := fmt.Sprintf("annotation %s%s %s is unknown and has no effect", contract.Prefix, p.key, l.phrase())
			if near := contract.Nearest(p.key, knownKeys); near != "" {
				text += fmt.Sprintf(": did you mean %q?", near)
			}
			warnings = append(warnings, text)
		}
	}
	return warnings
}
