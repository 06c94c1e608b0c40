package inject

import (
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// annotation is one that is written on the pod.
type annotation struct{ key, value string }

// annotate writes annotations that the pod does not have with these values.
func (p *pass) annotate(list []annotation) {
	var missing []annotation
	for _, a := range list {
		if value, ok := p.pod.Annotations[a.key]; !ok || value != a.value {
			missing = append(missing, a)
		}
	}
	if len(missing) == 0 {
		return
	}
	if len(p.pod.Annotations) == 0 {
		all := make(map[string]string, len(missing))
		for _, a := range missing {
			all[a.key] = a.value
		}
		p.patch.add(annotations, all)
		return
	}
	for _, a := range missing {
		p.patch.add(member(annotations, a.key), a.value)
	}
}

// keepWarnings returns the annotation that keeps the warnings, one to a line, since controllers discard those of an
// admission answer. Those of an earlier pass are kept: what caused them may be in the pod by now, and be no cause any more.
func (p *pass) keepWarnings(warnings []string) (annotation, bool) {
	key := contract.Prefix + contract.KeyWarnings
	text := p.pod.Annotations[key]
	for _, w := range warnings {
		w = strings.ReplaceAll(w, "\n", " ") // of a key with a line break, which the API server will refuse
		if containsLine(text, w) {
			continue
		}
		if text != "" {
			text += "\n"
		}
		text += w
	}
	return annotation{key, text}, text != ""
}

func containsLine(text, line string) bool {
	for l := range strings.SplitSeq(text, "\n") {
		if l == line {
			return true
		}
	}
	return false
}
