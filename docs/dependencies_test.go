package docs_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// moduleFile is the part of "go mod edit -json" that the tests read.
type moduleFile struct {
	Tool    []struct{ Path string }
	Require []struct {
		Path     string
		Indirect bool
	}
}

// direct returns the modules that the file requires for packages or tools of its own.
func (m moduleFile) direct() (modules []string) {
	for _, r := range m.Require {
		if !r.Indirect {
			modules = append(modules, r.Path)
		}
	}
	for _, tool := range m.Tool {
		var all []string
		for _, r := range m.Require {
			all = append(all, r.Path)
		}
		if module := moduleOf(tool.Path, all); !slices.Contains(modules, module) {
			modules = append(modules, module)
		}
	}
	return modules
}

// moduleOf returns the module of a package: the longest path that contains it, or "".
func moduleOf(pkg string, modules []string) (module string) {
	for _, m := range modules {
		if (pkg == m || strings.HasPrefix(pkg, m+"/")) && len(m) > len(module) {
			module = m
		}
	}
	return module
}

// docs/dependencies.md has a row for each module that the repository requires itself, says which
// programs it is in, and has no other rows.
func TestDependencies(t *testing.T) {
	page, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	programs, tools, _ := strings.Cut(string(page), "## Tools and test programs")
	t.Run("programs", func(t *testing.T) {
		modules := readModule(t, "..").direct()
		compare(t, rows(programs), programsOf(t, modules))
	})
	t.Run("tools", func(t *testing.T) {
		want := map[string]bool{}
		for _, dir := range toolModules(t) {
			for _, module := range readModule(t, filepath.Join("..", dir)).direct() {
				want["`"+dir+"` | `"+module+"`"] = true
			}
		}
		compare(t, rows(tools), want)
	})
}

// rows returns the first two columns of a page's tables.
func rows(page string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(page) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") && len(cells) > 2 {
			found[strings.TrimPrefix(cells[0], "| ")+" | "+cells[1]] = true
		}
	}
	return found
}

func compare(t *testing.T, got, want map[string]bool) {
	t.Helper()
	for _, row := range slices.Sorted(maps.Keys(want)) {
		if !got[row] {
			t.Errorf("dependencies.md has no row | %s |: add it, or correct the one of this module", row)
		}
	}
	for _, row := range slices.Sorted(maps.Keys(got)) {
		if !want[row] {
			t.Errorf("dependencies.md has the row | %s |, but no go.mod and program say so: remove or correct it", row)
		}
	}
}

// programsOf returns the rows for modules, with the programs whose packages here import them.
func programsOf(t *testing.T, modules []string) map[string]bool {
	t.Helper()
	in := map[string][]string{}
	for _, program := range []string{"webhook/kubectl-certsync", "sidecar", "webhook"} {
		for _, goos := range []string{"linux", "windows"} {
			if program == "webhook" && goos == "windows" {
				continue // it runs in the cluster only
			}
			cmd := exec.Command("go", "list", "-deps", "-f", `{{with .Module}}{{if .Main}}{{join $.Imports "\n"}}{{end}}{{end}}`, "./"+program)
			cmd.Env = append(os.Environ(), "GOOS="+goos)
			for pkg := range strings.FieldsSeq(output(t, "..", cmd)) {
				module := moduleOf(pkg, modules)
				if name := filepath.Base(program); module != "" && !slices.Contains(in[module], name) {
					in[module] = append(in[module], name)
				}
			}
		}
	}
	want := map[string]bool{}
	for _, module := range modules {
		where := strings.Join(in[module], ", ")
		if where == "" {
			where = "tests"
		}
		want["`"+module+"` | "+where] = true
	}
	return want
}

// toolModules returns the folders of all other modules of the repository.
func toolModules(t *testing.T) (dirs []string) {
	t.Helper()
	for _, top := range []string{".ci", "e2e"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Name() == "go.mod" {
				dirs = append(dirs, strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

func readModule(t *testing.T, dir string) (m moduleFile) {
	t.Helper()
	if err := json.Unmarshal([]byte(output(t, dir, exec.Command("go", "mod", "edit", "-json"))), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func output(t *testing.T, dir string, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Dir, cmd.Stderr = dir, t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %s", cmd, err)
	}
	return string(out)
}
