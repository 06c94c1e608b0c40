package cluster_test

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// Two builds of an image from two copies of the repository have one digest: wherever the copies
// are, whenever they were made, and whatever the permissions of their files.
func TestImagesAreReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds each image twice")
	}
	if err := cluster.EnsureImageTools(t); err != nil {
		t.Fatal(err)
	}
	for _, spec := range framework.ProductImages() {
		t.Run(spec.Name, func(t *testing.T) {
			first := build(t, spec, 0o777)
			cluster.Umask(t, 0o077) // as on machines where new files are private
			second := build(t, spec, 0o700)
			if diff := cmp.Diff(entries(t, first), entries(t, second)); diff != "" {
				t.Errorf("the layers differ, -first +second:\n%s", diff)
			}
			if first.ID != second.ID {
				t.Errorf("the images are %s and %s, want the same:\n%s\n%s", first.ID, second.ID, first.Config, second.Config)
			}
		})
	}
}

// build builds an image from a new copy of the repository whose files have at most these
// permissions.
func build(t *testing.T, spec cluster.BuildSpec, permissions fs.FileMode) cluster.BuiltImage {
	t.Helper()
	spec.Context = t.TempDir()
	if err := spec.CopyInputs(t.Context(), spec.Context, permissions); err != nil {
		t.Fatal(err)
	}
	image, err := spec.BuildAfresh(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// entries describes the files of all layers, in order.
func entries(t *testing.T, image cluster.BuiltImage) (list []string) {
	t.Helper()
	for i, layer := range image.Layers {
		for r := tar.NewReader(strings.NewReader(layer)); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.New()
			if _, err := io.Copy(sum, r); err != nil {
				t.Fatal(err)
			}
			list = append(list, fmt.Sprintf("layer %d: %c %04o %d:%d %s %s %x", i, h.Typeflag, h.Mode, h.Uid, h.Gid,
				h.ModTime.UTC().Format(time.RFC3339), h.Name, sum.Sum(nil)[:8]))
		}
	}
	return list
}
