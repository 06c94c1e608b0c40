package buildinfo

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

const packagePath = "github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"

func TestMerge(t *testing.T) {
	recorded := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "abc"}
	time := debug.BuildSetting{Key: "vcs.time", Value: "2026-11-25T15:50:08Z"}
	platform := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH
	for _, tt := range []struct {
		name     string
		set      Info
		recorded *debug.BuildInfo
		want     string
	}{
		{"nothing known", Info{}, recorded(""), "dev (" + platform + ")"},
		{"build without version control", Info{}, recorded("(devel)"), "dev (" + platform + ")"},
		{"go install of a tag", Info{}, recorded("v0.1.0"), "0.1.0 (" + platform + ")"},
		{"build in a changed worktree", Info{}, recorded("v0.1.1-0.20261125155008-abc+dirty", revision, time),
			"0.1.1-0.20261125155008-abc+dirty (commit abc, 2026-11-25T15:50:08Z, " + platform + ")"},
		{"image without build arguments for the commit", Info{Version: "0.1.0"}, recorded("(devel)"), "0.1.0 (" + platform + ")"},
		{"release", Info{Version: "0.1.0", Commit: "def", Date: "2026-11-24T00:00:00Z"}, recorded("v0.0.9", revision, time),
			"0.1.0 (commit def, 2026-11-24T00:00:00Z, " + platform + ")"},
		{"commit without date", Info{Version: "0.1.0", Commit: "def"}, recorded("", revision, time), "0.1.0 (commit def, " + platform + ")"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := merge(tt.set, tt.recorded).String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestLinker builds a program as a release does.
func TestLinker(t *testing.T) {
	flags := "-X " + packagePath + ".version=1.2.3 -X " + packagePath + ".commit=abc -X " + packagePath + ".date=2026-11-25T15:50:08Z"
	cmd := exec.Command("go", "run", "-ldflags", flags, "./testdata/program")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := "1.2.3 (commit abc, 2026-11-25T15:50:08Z, "; !strings.HasPrefix(string(out), want) {
		t.Errorf("the program prints %q, want it to begin with %q", out, want)
	}
}

// TestBuildFiles checks the names that the build files set. The linker ignores a wrong name without
// an error.
func TestBuildFiles(t *testing.T) {
	setting := regexp.MustCompile(`-X[= ]([^\s"]+?)\.(\w+)=`)
	for _, name := range []string{".goreleaser.yaml", "Dockerfile.sidecar", "Dockerfile.webhook"} {
		content, err := os.ReadFile(filepath.Join("..", "..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, m := range setting.FindAllStringSubmatch(string(content), -1) {
			if m[1] != packagePath {
				t.Errorf("%s sets %s.%s, want a variable of %s", name, m[1], m[2], packagePath)
			}
			found[m[2]] = true
		}
		if len(found) != 3 || !found["version"] || !found["commit"] || !found["date"] {
			t.Errorf("%s sets %v, want version, commit and date", name, found)
		}
	}
}
