package cluster

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// localRegistry is the registry name in references to images that were loaded without a registry.
const localRegistry = "localhost"

// pauseReference is the image of the pods' sandboxes. Its tag does not depend on its content, so
// every new node loads it again.
const pauseReference = localRegistry + "/certsync-pause:1"

// nonRoot is the default user and group of images.
const nonRoot = "65532:65532"

// PackSpec describes an image with one layer and without a base image.
type PackSpec struct {
	// Name is the image's name without registry and tag, such as "certsync-azure".
	Name string
	// Package is a main package of this repository, such as "./e2e/azure/cmd/azure-emulator". It is
	// built as a static program. In the image, its path is / and the last element of Package, and
	// it is the entry point. Empty means an image without a program.
	Package string
	// Files are additional files: absolute path in the image -> file on this machine.
	Files map[string]string
	// Links are symbolic links: absolute path in the image -> target.
	Links map[string]string
	// Directories are created with these permissions: absolute path in the image -> mode.
	Directories map[string]fs.FileMode
	// Entrypoint replaces the package's program.
	Entrypoint []string
	// User is "uid:gid"; empty means 65532:65532.
	User string
	// Env is a list of NAME=value.
	Env []string
}

// PackImage creates an image from programs and files without a Dockerfile, delivers it to the
// cluster, and returns the reference for manifests. The tag is derived from the content. An image
// that is already present is not delivered again.
func (c *Cluster) PackImage(ctx context.Context, s PackSpec) (string, error) {
	if c.node == nil {
		if err := ensurePackages(ctx, imagePackages, c.log); err != nil {
			return "", err
		}
	}
	archive, err := s.pack(ctx, c.log)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", s.Name, err)
	}
	return c.LoadImage(ctx, archive)
}

// BusyboxImage delivers an image with a shell and common tools for test pods, and returns its
// reference.
func (c *Cluster) BusyboxImage(ctx context.Context) (string, error) {
	if err := ensurePackages(ctx, imagePackages, c.log); err != nil {
		return "", err
	}
	files, links, err := busybox(ctx)
	if err != nil {
		return "", err
	}
	return c.PackImage(ctx, PackSpec{
		Name: "certsync-busybox", Files: files, Links: links, Entrypoint: []string{"/bin/sh"},
		Directories: map[string]fs.FileMode{"/tmp": 0o1777}, Env: []string{"PATH=/bin"},
	})
}

// busybox returns this machine's static busybox, and links for its commands.
func busybox(ctx context.Context) (files, links map[string]string, err error) {
	program, err := lookTool("busybox")
	if err != nil {
		return nil, nil, err
	}
	list, err := output(exec.CommandContext(ctx, program, "--list"))
	if err != nil {
		return nil, nil, err
	}
	links = map[string]string{}
	for _, command := range strings.Fields(string(list)) {
		if command != "busybox" {
			links["/bin/"+command] = "busybox"
		}
	}
	return map[string]string{"/bin/busybox": program}, links, nil
}

// LoadImage delivers the image of a docker archive ("docker save", "buildah push ...
// docker-archive:") to the cluster: it loads the image into the node's containerd, or pushes it to
// E2E_REGISTRY. It returns the reference for manifests, which Image returns from then on. The
// archive must contain one image with one tag. LoadImage does not deliver an image again if its tag
// is present, so the tag must depend on the content.
func (c *Cluster) LoadImage(ctx context.Context, archive string) (string, error) {
	reference, err := archiveReference(archive)
	if err != nil {
		return "", err
	}
	tagged := path.Base(reference)
	if c.node == nil {
		reference = c.registry + "/" + tagged
		err = pushImage(ctx, archive, reference)
	} else {
		err = c.node.ensureImage(ctx, archive, reference)
	}
	if err != nil {
		return "", fmt.Errorf("image %s: %w", reference, err)
	}
	name, _, _ := strings.Cut(tagged, ":")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.images[name] = reference
	return reference, nil
}

// TagImage gives an image that this Cluster delivered a further reference, such as the one of a
// public registry, so that a manifest that names it runs unchanged. It needs a node that this
// package started.
func (c *Cluster) TagImage(ctx context.Context, name, reference string) error {
	_, err := output(c.node.ctr(ctx, "images", "tag", "--force", c.Image(name), reference))
	return err
}

// Image returns the reference for manifests of an image that this Cluster delivered with
// BuildImage, PackImage or LoadImage. The name has no registry and no tag. Image returns "" for an
// unknown name.
func (c *Cluster) Image(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.images[name]
}

// pack returns the path of the image's docker archive in the cache, and creates it if it is
// missing.
func (s PackSpec) pack(ctx context.Context, log *progress) (string, error) {
	content := imageContent{links: s.Links, dirs: s.Directories, entrypoint: s.Entrypoint, user: s.User, env: s.Env, files: map[string]string{}}
	for name, source := range s.Files {
		content.files[name] = source
	}
	if s.User == "" {
		content.user = nonRoot
	}
	if s.Package != "" {
		repo, err := repositoryRoot(ctx)
		if err != nil {
			return "", err
		}
		program, err := buildMainPackage(ctx, repo, s.Package, log)
		if err != nil {
			return "", err
		}
		name := "/" + path.Base(s.Package)
		content.files[name] = program
		if s.Entrypoint == nil {
			content.entrypoint = []string{name}
		}
	}
	tag, err := content.digest()
	if err != nil {
		return "", err
	}
	return content.cached(s.Name, localRegistry+"/"+s.Name+":"+tag)
}

// cached returns the path of the archive with this content and reference, and writes it if it is
// missing.
func (c imageContent) cached(name, reference string) (string, error) {
	digest, err := c.digest()
	if err != nil {
		return "", err
	}
	dir, err := cacheDir("images")
	if err != nil {
		return "", err
	}
	archive := filepath.Join(dir, name+"-"+digest+".tar")
	if _, err := os.Stat(archive); err == nil {
		markUsed(archive, name+"-")
		return archive, nil
	}
	return archive, writeFileAtomically(archive, func(w io.Writer) error { return c.writeArchive(w, reference) })
}

// packPause returns the archive of the image of the pods' sandboxes.
func (n *node) packPause(ctx context.Context) (string, error) {
	program, err := buildMainPackage(ctx, n.repo, "./e2e/cluster/pause", n.log)
	if err != nil {
		return "", err
	}
	c := imageContent{files: map[string]string{"/pause": program}, entrypoint: []string{"/pause"}, user: "65535:65535"}
	return c.cached("certsync-pause", pauseReference)
}

// ensureImage loads an image into containerd unless it is present.
func (n *node) ensureImage(ctx context.Context, archive, reference string) error {
	there, err := output(n.ctr(ctx, "images", "ls", "--quiet", "name=="+reference))
	if err != nil || strings.TrimSpace(string(there)) == reference {
		return err
	}
	n.log.say("load image %s", reference)
	return n.importImage(ctx, archive)
}

func (n *node) importImage(ctx context.Context, archive string) error {
	_, err := output(n.ctr(ctx, "images", "import", archive))
	return err
}
