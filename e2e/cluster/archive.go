package cluster

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// imageContent is an image with one layer. The same content always gives the same bytes: they
// depend neither on the time nor on the order of a map.
type imageContent struct {
	files      map[string]string      // absolute path in the image -> file on this machine; keeps its x bit
	links      map[string]string      // absolute path in the image -> target of a symbolic link
	dirs       map[string]fs.FileMode // absolute path in the image -> permissions; parents are created as needed
	entrypoint []string
	user       string
	env        []string
}

// imageConfig is the part of an image's configuration that the package uses.
// https://github.com/opencontainers/image-spec/blob/main/config.md
type imageConfig struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Config       struct {
		User       string   `json:"User,omitempty"`
		Env        []string `json:"Env,omitempty"`
		Entrypoint []string `json:"Entrypoint,omitempty"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// archiveManifest is an entry of manifest.json in a docker archive, the format of "docker save".
type archiveManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// digest is a name for the content: equal for equal images.
func (c imageContent) digest() (string, error) {
	h := sha256.New()
	if err := c.writeLayer(h); err != nil {
		return "", err
	}
	return cacheKey(hex.EncodeToString(h.Sum(nil)), fmt.Sprint(c.entrypoint, c.user, c.env)), nil
}

// writeArchive writes a docker archive that contains only this image, under the reference.
func (c imageContent) writeArchive(w io.Writer, reference string) error {
	var layer bytes.Buffer
	if err := c.writeLayer(&layer); err != nil {
		return err
	}
	sum := sha256.Sum256(layer.Bytes())
	id := hex.EncodeToString(sum[:])
	cfg := imageConfig{Architecture: runtime.GOARCH, OS: "linux"}
	cfg.Config.User, cfg.Config.Env, cfg.Config.Entrypoint = c.user, c.env, c.entrypoint
	cfg.RootFS.Type, cfg.RootFS.DiffIDs = "layers", []string{"sha256:" + id}
	config, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	configSum := sha256.Sum256(config)
	m := archiveManifest{Config: hex.EncodeToString(configSum[:]) + ".json", RepoTags: []string{reference}, Layers: []string{id + "/layer.tar"}}
	manifest, err := json.Marshal([]archiveManifest{m})
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, f := range []struct {
		name    string
		content []byte
	}{{m.Config, config}, {m.Layers[0], layer.Bytes()}, {"manifest.json", manifest}} {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content))}); err != nil {
			return err
		}
		if _, err := t.Write(f.content); err != nil {
			return err
		}
	}
	return t.Close()
}

// writeLayer writes the image's files as a tar archive.
func (c imageContent) writeLayer(w io.Writer) error {
	t := tar.NewWriter(w)
	dirs := c.allDirs()
	for _, d := range slices.Sorted(maps.Keys(dirs)) { // sorted, so that parents come before their content
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(d, "/") + "/", Mode: int64(dirs[d])}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		if err := addFile(t, name, c.files[name]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.links)) {
		h := &tar.Header{Typeflag: tar.TypeSymlink, Name: strings.TrimPrefix(name, "/"), Linkname: c.links[name], Mode: 0o777}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
	}
	return t.Close()
}

// allDirs returns the requested directories and the parents of all entries.
func (c imageContent) allDirs() map[string]fs.FileMode {
	dirs := maps.Clone(c.dirs)
	if dirs == nil {
		dirs = map[string]fs.FileMode{}
	}
	for _, names := range [][]string{slices.Collect(maps.Keys(c.files)), slices.Collect(maps.Keys(c.links)), slices.Collect(maps.Keys(c.dirs))} {
		for _, name := range names {
			for d := path.Dir(name); d != "/"; d = path.Dir(d) {
				if _, there := dirs[d]; !there {
					dirs[d] = 0o755
				}
			}
		}
	}
	return dirs
}

func addFile(t *tar.Writer, name, source string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	mode := int64(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	if err := t.WriteHeader(&tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// archiveReference returns the reference of the only image in a docker archive.
func archiveReference(archive string) (string, error) {
	f, err := os.Open(archive)
	if err != nil {
		return "", err
	}
	defer f.Close()
	t := tar.NewReader(f)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("%s: not a docker archive: manifest.json is missing", archive)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", archive, err)
		}
		if h.Name != "manifest.json" {
			continue
		}
		var images []archiveManifest
		if err := json.NewDecoder(t).Decode(&images); err != nil {
			return "", fmt.Errorf("%s: manifest.json: %w", archive, err)
		}
		if len(images) != 1 || len(images[0].RepoTags) != 1 {
			return "", fmt.Errorf("%s: want one image with one tag", archive)
		}
		return images[0].RepoTags[0], nil
	}
}

// writeFileAtomically creates a file. Other processes see either the complete file or no file.
func writeFileAtomically(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename, which moved the file
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
