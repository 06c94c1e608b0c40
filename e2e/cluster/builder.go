package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// builderArg is the build argument with which the repository's Dockerfiles name the image of
	// their first stage.
	builderArg = "BUILDER"
	// caBundle is Debian's file of the certificate authorities that the machine trusts.
	caBundle = "/etc/ssl/certs/ca-certificates.crt"
	// goEnvFile is the file from which Go in the builder image reads its settings (GOENV).
	goEnvFile = "/etc/certsync-go.env"
)

// goNetworkSettings are the settings with which the go command downloads modules on this machine.
// The build gets them in a file that only the build sees, because the addresses may contain a
// password.
var goNetworkSettings = []string{"GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOFLAGS"}

// imageStore is buildah's storage for one build or push: a directory that is removed afterwards. It
// uses the driver that only copies files. So it never mounts anything, and writes nothing to
// /var/lib/containers.
type imageStore struct {
	dir  string
	held *lockFile
}

// openImageStore creates an empty store, and removes the store of a build that was killed. Only one
// store exists at a time: several builds would only share the machine's cores.
func openImageStore(ctx context.Context) (*imageStore, error) {
	dir, err := cacheDir("buildah")
	if err != nil {
		return nil, err
	}
	held, err := lockPath(ctx, dir+".lock", unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	s := &imageStore{dir: dir, held: held}
	if err := s.reset(); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *imageStore) reset() error {
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	// The images are not signed: all of them are built on this machine.
	policy := []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`)
	return os.WriteFile(s.path("policy.json"), policy, 0o600)
}

// remove deletes the store. The next build removes what is left.
func (s *imageStore) remove() {
	_ = os.RemoveAll(s.dir)
	s.held.remove()
}

func (s *imageStore) path(name string) string { return filepath.Join(s.dir, name) }

// buildah returns a command that runs in separate mount and PID namespaces. If it is killed, the
// mounts and processes of the build end too.
func (s *imageStore) buildah(ctx context.Context, verb string, args ...string) *exec.Cmd {
	all := []string{
		"--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
		"buildah", "--root", s.path("root"), "--runroot", s.path("run"),
		"--storage-driver", "vfs", verb, "--signature-policy", s.path("policy.json"),
	}
	cmd := exec.CommandContext(ctx, "unshare", append(all, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+s.dir)
	return cmd
}

// builder creates the image for Go builds. It returns the image's name and the volumes that a build
// needs. The image contains busybox and the machine's certificate authorities. The volumes are this
// machine's Go and its caches.
func (s *imageStore) builder(ctx context.Context, repo, goversion string) (image string, volumes []string, err error) {
	files, links, err := busybox(ctx)
	if err != nil {
		return "", nil, err
	}
	files[caBundle] = caBundle
	c := imageContent{
		files: files, links: links, user: "0:0",
		dirs: map[string]fs.FileMode{"/tmp": 0o1777, "/root": 0o700, "/usr/local/go": 0o755, "/go/pkg/mod": 0o755, "/go/cache": 0o755},
		env: []string{
			"PATH=/usr/local/go/bin:/bin", "HOME=/root", "GOPATH=/go", "GOMODCACHE=/go/pkg/mod", "GOCACHE=/go/cache",
			"GOENV=" + goEnvFile, "GOTOOLCHAIN=local", "CGO_ENABLED=0",
		},
	}
	image = localRegistry + "/certsync-builder:" + goversion
	archive, err := c.cached("certsync-builder", image)
	if err != nil {
		return "", nil, err
	}
	if _, err := output(s.buildah(ctx, "pull", "docker-archive:"+archive)); err != nil {
		return "", nil, err
	}
	settings, err := s.writeGoSettings(ctx, repo)
	if err != nil {
		return "", nil, err
	}
	volumes = []string{"--volume", settings + ":" + goEnvFile + ":ro"}
	for name, target := range map[string]string{"GOROOT": "/usr/local/go:ro", "GOMODCACHE": "/go/pkg/mod:rw", "GOCACHE": "/go/cache:rw"} {
		dir, err := goEnv(ctx, repo, name)
		if err != nil {
			return "", nil, err
		}
		volumes = append(volumes, "--volume", dir+":"+target)
	}
	return image, volumes, nil
}

// writeGoSettings writes the network settings of this machine's Go in the format of GOENV.
func (s *imageStore) writeGoSettings(ctx context.Context, repo string) (string, error) {
	out, err := output(goCommand(ctx, repo, append([]string{"env", "-json"}, goNetworkSettings...)...))
	if err != nil {
		return "", err
	}
	var values map[string]string
	if err := json.Unmarshal(out, &values); err != nil {
		return "", err
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "%s=%s\n", name, values[name])
	}
	return s.path("go.env"), os.WriteFile(s.path("go.env"), []byte(text.String()), 0o600)
}

// pushImage pushes the image of a docker archive to a registry.
func pushImage(ctx context.Context, archive, reference string) error {
	store, err := openImageStore(ctx)
	if err != nil {
		return err
	}
	defer store.remove()
	source, err := archiveReference(archive)
	if err != nil {
		return err
	}
	if _, err := output(store.buildah(ctx, "pull", "docker-archive:"+archive)); err != nil {
		return err
	}
	_, err = output(store.buildah(ctx, "push", tlsVerify(reference), source, "docker://"+reference))
	return err
}

// tlsVerify allows plain HTTP only for a registry on this machine's loopback.
func tlsVerify(reference string) string {
	host, _, _ := strings.Cut(reference, "/")
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	loopback := host == "localhost" || net.ParseIP(host).IsLoopback()
	return fmt.Sprintf("--tls-verify=%t", !loopback)
}

// copyFile copies a regular file, and creates the target's directories. The permissions of the copy
// do not depend on those of a clone, which the umask decides: buildah notes them in an image.
func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	return errors.Join(os.WriteFile(to, content, mode), os.Chmod(to, mode))
}
