package contract_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestStandardLibraryOnly keeps the package small: everything that it imports becomes part of both
// binaries.
func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const contract = "github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	want := []string{contract + "/internal/jsontree", contract}
	if got := strings.Fields(string(out)); !slices.Equal(got, want) {
		t.Errorf("got the packages %q, want only those of contract, %q, and the standard library", got, want)
	}
}
