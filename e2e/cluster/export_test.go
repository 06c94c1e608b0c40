package cluster

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// BuiltImage is what an image consists of.
type BuiltImage struct {
	ID     string   // digest of the configuration
	Config string   // which has the digests of the layers
	Layers []string // tar archives
}

// CopyInputs copies what the build sees of the repository, with at most these permissions.
func (s BuildSpec) CopyInputs(ctx context.Context, to string, permissions fs.FileMode) error {
	repo, err := repositoryRoot(ctx)
	if err != nil {
		return err
	}
	s.Context = repo
	inputs, err := s.inputFiles()
	if err != nil {
		return err
	}
	for _, name := range inputs {
		target := filepath.Join(to, name)
		if err := copyFile(filepath.Join(repo, name), target); err != nil {
			return err
		}
		info, err := os.Stat(target)
		if err != nil {
			return err
		}
		if err := os.Chmod(target, info.Mode()&permissions); err != nil {
			return err
		}
	}
	return nil
}

// BuildAfresh builds the image although it may be in the cache.
func (s BuildSpec) BuildAfresh(ctx context.Context, t *testing.T) (BuiltImage, error) {
	repo, err := repositoryRoot(ctx)
	if err != nil {
		return BuiltImage{}, err
	}
	goversion, err := goEnv(ctx, repo, "GOVERSION")
	if err != nil {
		return BuiltImage{}, err
	}
	inputs, err := s.inputFiles()
	if err != nil {
		return BuiltImage{}, err
	}
	// On the file system of the cache, to which the build moves it.
	dir, err := cacheDir("images")
	if err != nil {
		return BuiltImage{}, err
	}
	archive := filepath.Join(dir, fmt.Sprintf("afresh-%s-%d.tar", s.Name, os.Getpid()))
	t.Cleanup(func() { _ = os.Remove(archive) })
	if err := s.buildah(ctx, repo, goversion, inputs, archive, localRegistry+"/"+s.Name+":afresh"); err != nil {
		return BuiltImage{}, err
	}
	return readImage(archive)
}

func readImage(archive string) (BuiltImage, error) {
	f, err := os.Open(archive)
	if err != nil {
		return BuiltImage{}, err
	}
	defer f.Close()
	var images []archiveManifest
	files := map[string]string{}
	for t := tar.NewReader(f); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return BuiltImage{}, err
		}
		content, err := io.ReadAll(t)
		if err != nil {
			return BuiltImage{}, err
		}
		if h.Name == "manifest.json" {
			if err := json.Unmarshal(content, &images); err != nil {
				return BuiltImage{}, err
			}
		}
		files[h.Name] = string(content)
	}
	if len(images) != 1 {
		return BuiltImage{}, fmt.Errorf("%d images in %s", len(images), archive)
	}
	image := BuiltImage{ID: images[0].Config, Config: files[images[0].Config]}
	for _, name := range images[0].Layers {
		image.Layers = append(image.Layers, files[name])
	}
	return image, nil
}

// Umask sets the mask of new files of this process and its children until the test ends.
func Umask(t *testing.T, mask int) {
	before := unix.Umask(mask)
	t.Cleanup(func() { unix.Umask(before) })
}

// EnsureImageTools installs what a build needs.
func EnsureImageTools(t *testing.T) error {
	return ensurePackages(t.Context(), imagePackages, newProgress(t.Output()))
}
