package e2e

import (
	"context"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// nginxImage is the image that the quick start and the example name.
const nginxImage = "docker.io/nginxinc/nginx-unprivileged:1.28"

// servers are images with programs of this machine, by name. They stand for the public images in
// the examples: the same server under the same path, with the settings that the example relies on.
var servers = map[string]func(context.Context, *testing.T) cluster.PackSpec{
	"nginx": func(ctx context.Context, t *testing.T) cluster.PackSpec {
		return cluster.PackSpec{
			Files: merged(programs(ctx, t, "nginx", "ls"), map[string]string{"/etc/nginx/nginx.conf": "testdata/images/nginx.conf"}),
			// "-e" because Debian's nginx opens its log file before it reads its configuration.
			Entrypoint: []string{onMachine(t, "nginx"), "-e", "stderr", "-c", "/etc/nginx/nginx.conf"}, User: "101:101",
		}
	},
	"haproxy": func(ctx context.Context, t *testing.T) cluster.PackSpec {
		return cluster.PackSpec{Files: programs(ctx, t, "haproxy"), User: "99:99"}
	},
	"java": func(ctx context.Context, t *testing.T) cluster.PackSpec {
		files := javaRuntime(ctx, t)
		return cluster.PackSpec{Files: files, Env: []string{"PATH=/jre/bin"}}
	},
	"node": func(ctx context.Context, t *testing.T) cluster.PackSpec {
		return cluster.PackSpec{Files: programs(ctx, t, "node")}
	},
	"go": func(context.Context, *testing.T) cluster.PackSpec {
		return cluster.PackSpec{Package: "./docs/examples/go"}
	},
}

var imageLocks sync.Map // name -> *sync.Mutex, so that an image is packed once

// loadServer delivers the image of a server to the node, unless it is there.
func loadServer(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	loadImage(ctx, t, name, servers[name])
}

// loadImage delivers an image to the node, unless it is there.
func loadImage(ctx context.Context, t *testing.T, name string, content func(context.Context, *testing.T) cluster.PackSpec) {
	t.Helper()
	lock, _ := imageLocks.LoadOrStore(name, &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	if testEnv.Cluster.Image(name) != "" {
		return
	}
	spec := content(ctx, t)
	spec.Name, spec.Directories = name, map[string]fs.FileMode{"/tmp": 0o1777}
	if spec.Env == nil {
		spec.Env = []string{"PATH=/usr/sbin:/usr/bin:/bin"}
	}
	if _, err := testEnv.Cluster.PackImage(ctx, spec); err != nil {
		t.Fatal(err)
	}
}

// onMachine returns the path of a program that "make test" installs.
func onMachine(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: run the tests with \"make test\", which installs it: %v", name, err)
	}
	return path
}

// programs returns the files of an image with these programs and their libraries.
func programs(ctx context.Context, t *testing.T, names ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range names {
		if err := framework.AddPrograms(ctx, files, onMachine(t, name)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// javaRuntime returns the files of a Java runtime with the modules of the example, in /jre.
func javaRuntime(ctx context.Context, t *testing.T) map[string]string {
	t.Helper()
	runtime := filepath.Join(t.TempDir(), "jre")
	link := exec.CommandContext(ctx, onMachine(t, "jlink"), "--add-modules", "java.base,jdk.httpserver,jdk.compiler,jdk.crypto.ec",
		"--strip-debug", "--no-header-files", "--no-man-pages", "--output", runtime)
	if out, err := link.CombinedOutput(); err != nil {
		t.Fatalf("jlink: %v: %s", err, out)
	}
	files := map[string]string{}
	if err := framework.AddTree(files, runtime, "/jre"); err != nil {
		t.Fatal(err)
	}
	libraries, err := filepath.Glob(filepath.Join(runtime, "lib", "*.so"))
	if err != nil {
		t.Fatal(err)
	}
	needed := map[string]string{}
	for _, program := range append(libraries, filepath.Join(runtime, "bin", "java")) {
		if err := framework.AddPrograms(ctx, needed, program); err != nil {
			t.Fatal(err)
		}
	}
	for name, source := range needed {
		if !strings.HasPrefix(name, runtime) {
			files[name] = source
		}
	}
	return files
}

func merged(all ...map[string]string) map[string]string {
	files := map[string]string{}
	for _, one := range all {
		for name, source := range one {
			files[name] = source
		}
	}
	return files
}
