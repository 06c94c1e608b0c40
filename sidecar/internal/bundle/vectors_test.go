package bundle_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

// TestVectors parses files that other programs wrote (see testdata/vectors/make.sh) and compares
// the bundle or the error with testdata/vectors.golden.
func TestVectors(t *testing.T) { compareVectors(t, "vectors") }

// TestTolerated does the same for files that are not quite right, but which OpenSSL reads, or whose
// meaning is clear.
func TestTolerated(t *testing.T) { compareVectors(t, "tolerated") }

func compareVectors(t *testing.T, dir string) {
	t.Helper()
	paths, err := filepath.Glob("testdata/" + dir + "/*.p*")
	if err != nil || len(paths) == 0 {
		t.Fatal("no vectors", err)
	}
	var got strings.Builder
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		value := string(content)
		if strings.HasSuffix(path, ".p12") {
			value = base64.StdEncoding.EncodeToString(content)
		}
		fmt.Fprintf(&got, "%s:\n    %s\n", filepath.Base(path), outcome(t, value))
	}
	golden(t, "testdata/"+dir+".golden", got.String())
}

// outcome describes the bundle or the error that Parse returns for a value.
func outcome(t *testing.T, value string) string {
	t.Helper()
	b, err := bundle.Parse(value, "")
	if err == nil {
		checkBundle(t, b)
		text := fmt.Sprintf("%T, %s, %d dropped", b.Key, names(b.Chain()), b.Dropped)
		return strings.Join(append([]string{text}, b.Warnings...), "\n    warning: ")
	}
	var e *bundle.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %T %v, want an *Error", err, err)
	}
	return fmt.Sprintf("%s: %v", e.Reason, e)
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
