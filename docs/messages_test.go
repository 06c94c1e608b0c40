package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// printing are the functions and methods whose text arguments become errors, warnings, denials or
// log records of the two programs. Of log records, only those that report a problem.
var printing = strings.Fields("Errorf New Sprintf Warn Error Err fail warn add refuse conflict notReady " +
	"secretError bad unsupportedKey unfit requireClosed linkWarning")

// fields are the fields of errors that contain their text.
var fields = strings.Fields("Reason Problem Remedy")

// exempt are texts that need no entry, or package folders without entries, with the reason.
var exempt = map[string]string{
	"webhook/kubectl-certsync": "its messages name a command or a link, see docs/kubectl.md",
	"sidecar/generate":         "a tool of make generate",

	"a value of type %T is not JSON":                                fault,
	"bundle: a %T cannot be encoded":                                fault,
	"cannot encode the settings that override the ConfigMap: %w":    fault,
	"cannot encode the settings: %w":                                fault,
	"encoding the JSON patch: %w":                                   fault,
	"signing the webhook's certificate: %w":                         fault,
	"the kernel's response is not an acknowledgement":               "a fault of the kernel",
	"the webhook admits a pod in namespace %s, with the sidecar %s": "the result of a passed test",
	"the content has changed":                                       "never shown: the store then copies a file instead of linking it",
}

const fault = "a fault of the program: nobody but its authors can do anything about it"

// Every text that the programs print about a problem is in the documentation, so that whoever
// searches for it there finds it. A part of the text without values must be in one of the pages.
func TestMessages(t *testing.T) {
	var pages strings.Builder
	for _, name := range []string{"messages.md", "troubleshooting.md", "reference.md"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pages.Write(content)
	}
	documented := strings.Join(strings.Fields(pages.String()), " ")
	missing := map[string]string{} // message -> file
	found := 0
	for _, root := range []string{"../sidecar", "../webhook"} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			texts, err := messages(path)
			for _, text := range texts {
				if isExempt(path, text) {
					continue
				}
				found++
				if !strings.Contains(documented, distinctive(text)) {
					missing[text] = strings.TrimPrefix(path, "../")
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 200 {
		t.Errorf("found only %d messages in the programs: does this test still find them?", found)
	}
	for _, text := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("%s prints a message that has no entry in docs/messages.md or docs/troubleshooting.md: %q", missing[text], text)
	}
}

func isExempt(path, text string) bool {
	for name := range exempt {
		if strings.HasPrefix(path, "../"+name+"/") || text == name {
			return true
		}
	}
	return false
}

// messages returns the texts of a file that are passed to a function of printing, or set in a field
// of fields.
func messages(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, err
	}
	var texts []string
	add := func(e ast.Expr) {
		if text, ok := literal(e); ok && distinctive(text) != "" {
			texts = append(texts, text)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if slices.Contains(printing, calledName(n.Fun)) {
				for _, argument := range n.Args {
					add(argument)
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && slices.Contains(fields, key.Name) {
				add(n.Value)
			}
		}
		return true
	})
	return texts, nil
}

func calledName(function ast.Expr) string {
	switch f := function.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// literal returns the text of a string literal, or of a sum with literals. What is not a literal in
// a sum counts as a value.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, inLeft := literal(e.X)
		right, inRight := literal(e.Y)
		if !inLeft {
			left = "%s"
		}
		if !inRight {
			right = "%s"
		}
		return left + right, e.Op == token.ADD && (inLeft || inRight)
	}
	return "", false
}

var verb = regexp.MustCompile(`%[-+#0-9.,]*[a-zA-Z]`)

// distinctive returns the longest part of a format without values, or "" if it has fewer than three
// words.
func distinctive(format string) string {
	longest := ""
	for _, part := range verb.Split(format, -1) {
		part = strings.Trim(strings.Join(strings.Fields(part), " "), " :;,()\"")
		if len(part) > len(longest) {
			longest = part
		}
	}
	if len(strings.Fields(longest)) < 3 {
		return ""
	}
	return longest
}
