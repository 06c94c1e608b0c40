package inject

import (
	"fmt"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// writeAnnotations sets annotations, and the one with the warnings. It is the last step.
func (in *injection) writeAnnotations(list ...annotation) {
	in.warnings = limitWarnings(in.warnings)
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
	known := map[string]bool{"": true}
	for line := range strings.SplitSeq(text, "\n") {
		known[line] = true
	}
	var lines []string
	if text != "" {
		lines = append(lines, text)
	}
	for _, w := range in.warnings {
		// A warning may name an annotation key that contains a line break, which the API server
		// refuses later.
		w = strings.ReplaceAll(w, "\n", " ")
		if !known[w] {
			known[w] = true
			lines = append(lines, w)
		}
	}
	return strings.Join(lines, "\n")
}

// maxWarnings bounds the warnings about one pod. The API server has a limit, too: see package
// admission.
const maxWarnings = 20

// limitWarnings keeps as many warnings as are allowed, and counts the others in the last one.
func limitWarnings(warnings []string) []string {
	if len(warnings) <= maxWarnings {
		return warnings
	}
	more := len(warnings) - maxWarnings + 1
	return append(warnings[:maxWarnings-1:maxWarnings-1], fmt.Sprintf("and %d more warnings", more))
}
