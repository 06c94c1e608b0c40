package cluster

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// BuildSpec describes an image that is built from a Dockerfile.
type BuildSpec struct {
	// Name is the image's name without registry and tag, such as "azure-cert-sync-webhook".
	Name string
	// Dockerfile is a path relative to Context.
	Dockerfile string
	// Context is a directory. Empty means the repository's root.
	Context string
	// Inputs are the files and directories of Context that the build sees, such as "go.mod" and
	// "sidecar". The image is built again only if one of them changes. Empty means all of Context
	// except .git.
	Inputs []string
	// Args are build arguments. If they do not include BUILDER, it is set to a temporary image of
	// this machine's Go with its module and build caches. So the build needs no registry.
	Args map[string]string
}

// BuildImage builds an image with buildah, delivers it to the cluster, and returns the reference
// for manifests. The tag is derived from all inputs. An image in the cache is not built again.
func (c *Cluster) BuildImage(ctx context.Context, s BuildSpec) (string, error) {
	if err := ensurePackages(ctx, imagePackages, c.log); err != nil {
		return "", err
	}
	archive, err := s.build(ctx, c.log)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", s.Name, err)
	}
	return c.LoadImage(ctx, archive)
}

// build returns the path of the image's docker archive in the cache, and builds it if it is
// missing.
func (s BuildSpec) build(ctx context.Context, log *progress) (string, error) {
	repo, err := repositoryRoot(ctx)
	if err != nil {
		return "", err
	}
	if s.Context == "" {
		s.Context = repo
	}
	goversion, err := goEnv(ctx, repo, "GOVERSION")
	if err != nil {
		return "", err
	}
	inputs, err := s.inputFiles()
	if err != nil {
		return "", err
	}
	key, err := s.key(inputs, goversion)
	if err != nil {
		return "", err
	}
	dir, err := cacheDir("images")
	if err != nil {
		return "", err
	}
	archive := filepath.Join(dir, s.Name+"-"+key+".tar")
	if _, err := os.Stat(archive); err == nil {
		markUsed(archive, s.Name+"-")
		return archive, nil
	}
	return archive, log.during("build image "+s.Name, func() error {
		return s.buildah(ctx, repo, goversion, inputs, archive, localRegistry+"/"+s.Name+":"+key)
	})
}

// inputFiles lists the regular files of the build context, the Dockerfile included, with paths
// relative to the context.
func (s BuildSpec) inputFiles() ([]string, error) {
	tops := s.Inputs
	if len(tops) == 0 {
		tops = []string{"."}
	}
	files := map[string]bool{filepath.Clean(s.Dockerfile): true}
	for _, top := range tops {
		err := filepath.WalkDir(filepath.Join(s.Context, top), func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() && e.Name() == ".git" {
				return fs.SkipDir
			}
			rel, err := filepath.Rel(s.Context, path)
			if err == nil && e.Type().IsRegular() {
				files[rel] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(files)), nil
}

// key is derived from everything that determines the image.
func (s BuildSpec) key(inputs []string, goversion string) (string, error) {
	parts := []string{goversion, runtime.GOARCH, s.Dockerfile}
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		parts = append(parts, name, s.Args[name])
	}
	for _, name := range inputs {
		content, err := os.ReadFile(filepath.Join(s.Context, name))
		if err != nil {
			return "", err
		}
		parts = append(parts, name, string(content))
	}
	return cacheKey(parts...), nil
}

// buildah runs the build on a copy of the inputs, so that the build sees only files that are part
// of the key.
func (s BuildSpec) buildah(ctx context.Context, repo, goversion string, inputs []string, archive, reference string) error {
	store, err := openImageStore(ctx)
	if err != nil {
		return err
	}
	defer store.remove()
	work := store.path("context")
	for _, name := range inputs {
		if err := copyFile(filepath.Join(s.Context, name), filepath.Join(work, name)); err != nil {
			return err
		}
	}
	// The same inputs give the same bytes: without the time of the build, and in the format of OCI,
	// because buildah notes random names in the configuration of Docker's.
	args := []string{
		"--isolation", "chroot", "--network", "host", "--format", "oci", "--layers=false", "--timestamp", "0",
		"--file", filepath.Join(work, s.Dockerfile), "--tag", reference,
	}
	buildArgs := maps.Clone(s.Args)
	if _, given := buildArgs[builderArg]; !given {
		image, volumes, err := store.builder(ctx, repo, goversion)
		if err != nil {
			return err
		}
		args = append(args, "--pull=never", "--build-arg", builderArg+"="+image)
		args = append(args, volumes...)
	}
	for _, name := range slices.Sorted(maps.Keys(buildArgs)) {
		args = append(args, "--build-arg", name+"="+buildArgs[name])
	}
	if _, err := output(store.buildah(ctx, "build", append(args, work)...)); err != nil {
		return err
	}
	partial := store.path("image.tar")
	if _, err := output(store.buildah(ctx, "push", reference, "docker-archive:"+partial+":"+reference)); err != nil {
		return err
	}
	return os.Rename(partial, archive)
}
