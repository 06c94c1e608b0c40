package inject

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// injection decides what one pod needs. The editor makes the changes.
type injection struct {
	pod      *corev1.Pod
	identity *settings.Identity
	settings *settings.Resolved
	options  *Options

	editor *editor
	// injected are the containers that an earlier injection added; apps are all others.
	apps, injected []*container
	// windows is set where the pod runs on Windows nodes only.
	windows bool
	// endpoint is nil where this package does not add the metadata endpoint.
	endpoint *settings.Endpoint
	warnings []string
}

func newInjection(pod *corev1.Pod, id *settings.Identity, s *settings.Resolved, o *Options) *injection {
	in := &injection{pod: pod, identity: id, settings: s, options: o, editor: newEditor(pod), windows: isWindows(pod)}
	in.apps = make([]*container, 0, len(in.editor.init)+len(in.editor.main))
	for _, list := range [][]*container{in.editor.init, in.editor.main} {
		for _, c := range list {
			if isInjected(c.Container) {
				in.injected = append(in.injected, c)
			} else {
				in.apps = append(in.apps, c)
			}
		}
	}
	return in
}

func (in *injection) warn(text string) { in.warnings = append(in.warnings, text) }

// warnOnce warns about what may be found several times.
func (in *injection) warnOnce(text string) {
	if !slices.Contains(in.warnings, text) {
		in.warn(text)
	}
}

// serves reports whether a container gets the certificates: it is not skipped, and it does not
// belong to a service mesh or to the original webhook.
func (in *injection) serves(c *container) bool {
	return !in.identity.Skips(c.Name) && !slices.Contains(in.options.StartAfter, c.Name) &&
		c.Name != originalProxy && c.Name != originalProxyInit
}
