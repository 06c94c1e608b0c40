package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// ofKubernetes are words that nobody needs on a host.
var ofKubernetes = regexp.MustCompile(`(?i)\b(pods?|clusters?|charts?|webhooks?|configmaps?|annotations?|sidecars?|kubelet|kubectl|` +
	`init containers?|service.accounts?|nodes?|kubernetes)\b`)

const (
	forPods     = "the code checks before that it runs in a pod, or that the settings are those of a pod"
	forMetadata = "of the metadata endpoint, which only pods have"
)

// podTexts are parts of texts of the sidecar that speak of Kubernetes, and why a host never prints
// them. Texts in the first argument of contract.Mode.Text need no entry.
var podTexts = map[string]string{
	"a pod has no user database":                forPods,
	"needs %d stores, and each is a volume":     forPods,
	"the sidecar does not see sockets of other": forPods,
	"which is reserved for the sidecar":         forPods,
	"chart value sidecar.allowedVaults":         forPods,
	"needs a new pod: it is not mounted":        forPods,
	"another %s needs a new pod":                forPods,
	"or create the pod again to try the same":   forPods,
	"service-account token %s: %s: the kubelet": forPods,
	" (chart value identity.environment)":       "an argument of Mode.Text",
	"a Kubernetes object (":                     "it describes what was pasted as settings",
	"run on a host, not in a pod":               "the description of --host",

	"which Pod Security \"baseline\" and":          forMetadata,
	"or make sure that no other webhook or policy": forMetadata,
	"only pods on Linux have the metadata":         forMetadata,
	"omit it for the pod's identity":               forMetadata,
	"only the pod's processes may get tokens":      forMetadata,
	"the pod's sysctl":                             forMetadata,
	"the init container ":                          forMetadata,
	" must have added the address to the pod":      forMetadata,
	"set another port with the annotation ":        forMetadata,
}

// Texts on a host speak of hosts: no literal of the sidecar's program has a word of Kubernetes,
// except where the program knows that it runs in a pod.
func TestHostTexts(t *testing.T) {
	used := map[string]bool{}
	err := filepath.WalkDir("../sidecar", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "schema":
			return fs.SkipDir // its texts are in a file for editors
		case !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && calledName(call.Fun) == "Text" && len(call.Args) == 2 {
				checkHostTexts(t, path, call.Args[1], used)
				return false
			}
			checkHostText(t, path, n, used)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for part := range podTexts {
		if !used[part] {
			t.Errorf("no text of the sidecar contains %q any more: remove it from this test", part)
		}
	}
}

func checkHostTexts(t *testing.T, path string, root ast.Node, used map[string]bool) {
	ast.Inspect(root, func(n ast.Node) bool {
		checkHostText(t, path, n, used)
		return true
	})
}

func checkHostText(t *testing.T, path string, n ast.Node, used map[string]bool) {
	literal, ok := n.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return
	}
	text, err := strconv.Unquote(literal.Value)
	// Names, paths and keys have no space.
	if err != nil || !strings.Contains(text, " ") || !ofKubernetes.MatchString(text) {
		return
	}
	for part := range podTexts {
		if strings.Contains(text, part) {
			used[part] = true
			return
		}
	}
	t.Errorf("%s: a host can print %q: use contract.Mode.Text, or say in this test why it cannot", path, text)
}
