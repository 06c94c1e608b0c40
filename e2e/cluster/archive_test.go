package cluster

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func writeText(name, content string) error { return os.WriteFile(name, []byte(content), 0o644) }

// content returns an image that uses every field.
func content(t *testing.T) imageContent {
	t.Helper()
	program, data := filepath.Join(t.TempDir(), "program"), filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(program, []byte("#!"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeText(data, "data"); err != nil {
		t.Fatal(err)
	}
	return imageContent{
		files:      map[string]string{"/bin/program": program, "/etc/a/data": data},
		links:      map[string]string{"/bin/other": "program"},
		dirs:       map[string]fs.FileMode{"/tmp": 0o1777},
		entrypoint: []string{"/bin/program"}, user: nonRoot,
	}
}

func TestLayer(t *testing.T) {
	var layer bytes.Buffer
	if err := content(t).writeLayer(&layer); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(&layer); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%c %04o %s%s", h.Typeflag, h.Mode, h.Name, h.Linkname))
	}
	want := []string{
		"5 0755 bin/", "5 0755 etc/", "5 0755 etc/a/", "5 1777 tmp/",
		"0 0755 bin/program", "0 0644 etc/a/data", "2 0777 bin/otherprogram",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestArchiveIsReproducible(t *testing.T) {
	var archives [2]bytes.Buffer
	for i := range archives {
		if err := content(t).writeArchive(&archives[i], "localhost/it:1"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0].Bytes(), archives[1].Bytes()) {
		t.Error("the same content gave different archives")
	}
}

func TestDigestFollowsContent(t *testing.T) {
	first, err := content(t).digest()
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*imageContent){
		"user":       func(c *imageContent) { c.user = "0:0" },
		"entrypoint": func(c *imageContent) { c.entrypoint = nil },
		"mode":       func(c *imageContent) { c.dirs["/tmp"] = 0o755 },
		"link":       func(c *imageContent) { c.links["/bin/other"] = "/bin/program" },
		"file":       func(c *imageContent) { c.files["/etc/a/data"] = c.files["/bin/program"] },
	} {
		other := content(t)
		change(&other)
		if got, err := other.digest(); err != nil || got == first {
			t.Errorf("with another %s: digest %s (error %v), want a new digest", what, got, err)
		}
	}
}

func TestArchiveReference(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "it.tar")
	err := writeFileAtomically(archive, func(w io.Writer) error { return content(t).writeArchive(w, "localhost/it:1") })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := archiveReference(archive); err != nil || got != "localhost/it:1" {
		t.Errorf("got %q, %v", got, err)
	}
	none := filepath.Join(t.TempDir(), "none.tar")
	err = writeFileAtomically(none, func(w io.Writer) error { return tar.NewWriter(w).Close() })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := archiveReference(none); err == nil {
		t.Errorf("an archive without images has the reference %q", got)
	}
}
