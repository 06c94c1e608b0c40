package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// quickstartTimeout is long enough for a slow machine: the page installs and removes everything.
const quickstartTimeout = 10 * time.Minute

// The quick start works as it is written: its commands run in order in one shell, and print what
// the page shows. "az" is played by a command of the emulator. The images are already on the node,
// so "docker" only checks that what is pushed was built. kubectl and helm are the real ones.
//
// The page installs the chart, so this test does not run in parallel with others.
func TestQuickstart(t *testing.T) {
	if testEnv.Cluster.External() {
		return // the page's images need a node on this machine
	}
	page := readPage(t, "../docs/quickstart.md")
	blocks := pageBlocks(page)
	if len(blocks) < 10 {
		t.Fatalf("the page has %d blocks of commands, want at least 10", len(blocks))
	}
	ctx, cancel := context.WithTimeout(t.Context(), quickstartTimeout)
	t.Cleanup(cancel)
	prepareQuickstart(ctx, t, page)

	var script strings.Builder
	script.WriteString("set -euo pipefail\ncd ..\n")
	for i, b := range blocks {
		fmt.Fprintf(&script, "echo '%s'\n%s\n", marker(i), b.commands)
	}
	stdout, stderr, err := runPage(ctx, t, script.String())
	compareOutput(t, blocks, stdout)
	if err != nil {
		t.Fatalf("the page's commands failed: %v\nlast standard output:\n%s\nstandard error:\n%s", err, stdout[max(0, len(stdout)-2000):], stderr)
	}
}

// compareOutput compares what the blocks printed with what the page shows.
func compareOutput(t *testing.T, blocks []block, stdout string) {
	t.Helper()
	printed := splitOutput(stdout, len(blocks))
	for i, b := range blocks {
		if printed[i] == nil {
			break // the shell ended before
		}
		if b.output != "" && !outputPattern(b.output).MatchString(*printed[i]) {
			t.Errorf("these commands of the page:\n%s\nprint:\n%s\nand the page shows:\n%s", b.commands, *printed[i], b.output)
		}
	}
}

// block is a block of commands of a page, and the output that the page shows after it.
type block struct{ commands, output string }

var fenced = regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$")

// pageBlocks returns the blocks of shell commands in a page.
func pageBlocks(page string) []block {
	var blocks []block
	for _, match := range fenced.FindAllStringSubmatch(page, -1) {
		if match[1] == "sh" {
			blocks = append(blocks, block{commands: match[2]})
		} else {
			blocks[len(blocks)-1].output = match[2]
		}
	}
	return blocks
}

func marker(i int) string { return fmt.Sprintf("=== block %d", i) }

// splitOutput returns the output of each block, or nil for blocks that did not begin.
func splitOutput(stdout string, n int) []*string {
	printed := make([]*string, n)
	for i := range n {
		_, after, found := strings.Cut(stdout, marker(i)+"\n")
		if !found {
			break
		}
		text, _, _ := strings.Cut(after, marker(i+1)+"\n")
		printed[i] = &text
	}
	return printed
}

// outputPattern returns the pattern of an output in a page. In it, "…" stands for any text within
// a line, and a line with only "…" for any lines.
func outputPattern(shown string) *regexp.Regexp {
	var pattern strings.Builder
	for line := range strings.Lines(shown) {
		if line == "…\n" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*?"))
	}
	return regexp.MustCompile(`\A` + pattern.String() + `\z`)
}

// runPage runs a script where the cluster's addresses are reachable, with the played programs first
// in PATH.
func runPage(ctx context.Context, t *testing.T, script string) (stdout, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	az := exec.CommandContext(ctx, "go", "build", "-o", dir, "./azure/cmd/az")
	if out, err := az.CombinedOutput(); err != nil {
		t.Fatalf("build az: %v: %s", err, out)
	}
	for _, name := range []string{"helm", "docker"} {
		content, err := os.ReadFile(filepath.Join("testdata/quickstart", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	values, err := yaml.Marshal(map[string]any{"sidecar": map[string]any{"extraCA": testEnv.Roots.TLS}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "values.yaml"), values, 0o600); err != nil {
		t.Fatal(err)
	}
	issuer, _, err := testEnv.Cluster.ServiceAccountKeys(ctx)
	if err != nil {
		t.Fatal(err)
	}

	cmd := testEnv.Cluster.Command(ctx, "bash", "-c", script)
	cmd.Env = prefixPath(cmd.Env, dir)
	for name, value := range map[string]string{
		"KUBECONFIG": filepath.Join(dir, "kubeconfig"), "AZ_KUBECONFIG": testEnv.Cluster.Kubeconfig(),
		"AZ_STATE": filepath.Join(dir, "az.json"), "AZ_TENANT": framework.TenantID, "AZ_ISSUER": issuer,
		"AZURE_EMULATOR_ADMIN": "http://" + testEnv.AzureIP + ":8080",
		"DOCKER_STATE":         filepath.Join(dir, "docker.txt"), "TEST_VALUES": filepath.Join(dir, "values.yaml"),
	} {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	// What the page starts in the background ends with the script, also if it fails.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // usually nothing is left
	}
	return out.String(), errs.String(), err
}

// prefixPath puts a folder first in PATH.
func prefixPath(env []string, dir string) []string {
	env = slices.Clone(env)
	for i, variable := range slices.Backward(env) {
		if rest, found := strings.CutPrefix(variable, "PATH="); found {
			env[i] = "PATH=" + dir + ":" + rest
			break
		}
	}
	return env
}

// prepareQuickstart gives the page an empty cluster: the chart is removed while the page runs. It
// puts the page's images on the node, and lets the page's pods resolve the page's vault.
func prepareQuickstart(ctx context.Context, t *testing.T, page string) {
	t.Helper()
	names := pageVariables(page)
	loadServer(ctx, t, "nginx")
	images := map[string]string{"nginx": nginxImage}
	for _, name := range []string{"webhook", "sidecar"} {
		images[name] = names["REGISTRY"] + "/" + name + ":0.1.0"
	}
	for _, name := range slices.Sorted(maps.Keys(images)) {
		if err := testEnv.Cluster.TagImage(ctx, name, images[name]); err != nil {
			t.Fatal(err)
		}
	}
	redirectNames(t, names["NAMESPACE"], names["KEYVAULT_NAME"]+".vault.azure.net")
	if err := testEnv.UninstallChart(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), quickstartTimeout)
		defer cancel()
		if err := testEnv.RemoveNamespace(ctx, names["NAMESPACE"]); err != nil {
			t.Error(err)
		}
		if err := testEnv.UninstallChart(ctx); err != nil {
			t.Error(err)
		}
		if err := testEnv.InstallChart(ctx); err != nil {
			t.Error(err)
		}
	})
}

var (
	exported  = regexp.MustCompile(`(?m)^export ([A-Z_]+)="([^"$]*(?:\$\{[A-Z_]+\}[^"$]*)*)"$`)
	reference = regexp.MustCompile(`\$\{([A-Z_]+)\}`)
)

// pageVariables returns the variables that the page sets to constants and to other variables.
func pageVariables(page string) map[string]string {
	names := map[string]string{}
	for _, match := range exported.FindAllStringSubmatch(page, -1) {
		names[match[1]] = reference.ReplaceAllStringFunc(match[2], func(r string) string { return names[strings.Trim(r, "${}")] })
	}
	return names
}

// redirectNames lets the pods of a namespace resolve these vaults to the emulator, until the test
// ends.
func redirectNames(t *testing.T, namespace string, vaults ...string) {
	t.Helper()
	remove, err := testEnv.RedirectNames(testContext(t), namespace, vaults...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
