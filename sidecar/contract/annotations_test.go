package contract_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// TestAnnotationKeys compares the lists of annotations with the constants in names.go.
func TestAnnotationKeys(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Key") {
			key, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, key)
		}
		return true
	})
	if diff := cmp.Diff(want, slices.Concat(contract.AnnotationKeys(), contract.WrittenKeys())); diff != "" {
		t.Errorf("the lists differ from the constants (-constants +lists):\n%s", diff)
	}
}
