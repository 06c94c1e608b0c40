package docs_test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// settingsTables are the tables of the VM extension's settings, examples of the extension's
// documentation whose settings they have, and where the tests are that their last column names:
// files, and folders with Go tests.
var settingsTables = []struct {
	page, heading          string
	examples, files, tests []string
}{
	{
		"vm-extension.md", "| setting or behaviour |",
		[]string{"extension/vm-schema", "extension/vm4", "extension/batch-linux"},
		[]string{
			"../sidecar/contract/testdata/cases/%.json", "../sidecar/contract/testdata/extension/%.json",
			"../sidecar/contract/testdata/values/%.golden", "../sidecar/testdata/script/%.txtar",
		},
		[]string{"../e2e/hosts"},
	},
	{
		"windows.md", "| setting |",
		[]string{"windows/cases/vm1", "windows/cases/vm3", "windows/cases/vm4", "extension/batch-windows"},
		[]string{"../sidecar/contract/testdata/windows/cases/%.json", "../sidecar/testdata/wine/%.txtar"},
		[]string{"../sidecar/internal/winstore"},
	},
}

var (
	span    = regexp.MustCompile("`([^`]+)`")
	setting = regexp.MustCompile("^`([a-zA-Z.]+)`")
	key     = regexp.MustCompile(`"(\w+)":`)
)

// groups are the objects that contain the settings. A row need not name them.
var groups = []string{"secretsManagementSettings", "authenticationSettings"}

// Each setting of the extension has a row, and each row names tests that exist and are about it.
func TestSettingsTables(t *testing.T) {
	for _, table := range settingsTables {
		rows := tableRows(t, table.page, table.heading)
		for _, example := range table.examples {
			content, err := os.ReadFile("../sidecar/contract/testdata/" + example + ".json")
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range key.FindAllStringSubmatch(string(content), -1) {
				if name := match[1]; !slices.Contains(groups, name) && !strings.Contains(strings.Join(rows, ""), name) {
					t.Errorf("%s: no row for the setting %s of the example %s", table.page, name, example)
				}
			}
		}
		for _, row := range rows {
			cells := strings.Split(strings.Trim(row, "| "), " | ")
			names := span.FindAllStringSubmatch(cells[len(cells)-1], -1)
			if len(names) == 0 {
				t.Errorf("%s: no test shows %s", table.page, cells[0])
			}
			about := ""
			if match := setting.FindStringSubmatch(cells[0]); match != nil {
				about = strings.TrimPrefix(path.Ext("."+match[1]), ".")
			}
			for _, name := range names {
				text := textOfTest(t, name[1], table.files, table.tests)
				if text == "" {
					t.Errorf("%s: the test %s, which shows %s, does not exist", table.page, name[1], cells[0])
				} else if !strings.Contains(strings.ToLower(text), strings.ToLower(about)) {
					t.Errorf("%s: the test %s does not contain %s", table.page, name[1], about)
				}
			}
		}
	}
}

// tableRows returns the rows of the table on a page whose first line begins with a heading.
func tableRows(t *testing.T, page, heading string) (rows []string) {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut("\n"+string(content), "\n"+heading)
	for line := range strings.Lines(table) {
		if len(rows) > 0 && !strings.HasPrefix(line, "|") {
			break
		}
		rows = append(rows, strings.TrimSpace(line))
	}
	return rows[min(2, len(rows)):] // without the heading and the line below it
}

// textOfTest returns the text of the test with a name, or "" if there is none: of a file, or of a
// file with a Go test.
func textOfTest(t *testing.T, name string, files, folders []string) string {
	t.Helper()
	if !strings.HasPrefix(name, "Test") {
		for _, pattern := range files {
			content, err := os.ReadFile(strings.Replace(pattern, "%", name, 1))
			if err == nil {
				return pattern + string(content)
			}
			if !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		return ""
	}
	for _, folder := range folders {
		sources, err := filepath.Glob(folder + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			content, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(content), "\nfunc "+name+"(") {
				return string(content)
			}
		}
	}
	return ""
}
