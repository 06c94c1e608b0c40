package inject

import (
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// writeAnnotations sets annotations, and the one with the warnings.
func (in *injection) writeAnnotations(list ...annotation) {
	if text := in.warningsText(); text != "" {
		list = append(list, annotation{contract.Prefix + contract.KeyWarnings, text})
	}
	in.editor.setAnnotations(list...)
}

// warningsText returns the warnings, one per line. The annotation keeps them because controllers
// discard those of the admission response. It also keeps the warnings of earlier injections: a
// second injection may not give them again, as it finds the result of the first one.
func (in *injection) warningsText() string {
	text := in.pod.Annotations[contract.Prefix+contract.KeyWarnings]
	lines := slices.Collect(strings.SplitSeq(text, "\n"))
	for _, w := range in.warnings {
		// A warning may name an annotation key that contains a line break, which the API server
		// refuses later.
		w = strings.ReplaceAll(w, "\n", " ")
		if slices.Contains(lines, w) {
			continue
		}
		if lines = append(lines, w); text != "" {
			text += "\n"
		}
		text += w
	}
	return text
}
