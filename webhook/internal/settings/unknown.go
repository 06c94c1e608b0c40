package settings

import (
	"fmt"
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

var (
	known   = contract.AnnotationKeys()
	written = contract.WrittenKeys()
)

// unknown returns a warning for each certsync annotation that nothing reads.
func (f *found) unknown() []string {
	var warnings []string
	for l := Pod; l < levels; l++ {
		for _, p := range f[l] {
			if slices.Contains(known, p.key) || l == Pod && slices.Contains(written, p.key) {
				continue
			}
			text := fmt.Sprintf("annotation %s%s %s is not known and has no effect", contract.Prefix, p.key, l.on())
			if near := contract.Nearest(p.key, known); near != "" {
				text += fmt.Sprintf(": did you mean %q?", near)
			}
			warnings = append(warnings, text)
		}
	}
	return warnings
}
