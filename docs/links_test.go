// Package docs_test checks the documentation: its links, and that it has the programs' messages.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	anchorID = regexp.MustCompile(`<a id="([^"]+)"`)
	code     = regexp.MustCompile("(?ms)^```.*?^```|`[^`\n]+`")
)

// Links between the repository's pages lead to files and headings that exist.
func TestLinks(t *testing.T) {
	checked := 0
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == ".git" || e.Name() == "testdata" || e.Name() == "node_modules") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".md") {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(string(content), ""), -1) {
			if strings.Contains(match[1], "://") || strings.HasPrefix(match[1], "mailto:") {
				continue
			}
			checked++
			checkLink(t, path, match[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 50 {
		t.Errorf("checked only %d links: does this test still find them?", checked)
	}
}

func checkLink(t *testing.T, page, target string) {
	t.Helper()
	name, anchor, _ := strings.Cut(target, "#")
	file := page
	if name != "" {
		file = filepath.Join(filepath.Dir(page), name)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Errorf("%s links to %s, which does not exist", page, target)
		return
	}
	if anchor == "" || info.IsDir() || !strings.HasSuffix(file, ".md") {
		return
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !anchors(string(content))[anchor] {
		t.Errorf("%s links to %s, but that page has no such heading", page, target)
	}
}

// anchors returns the names under which GitHub reaches the headings of a page.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(page, -1) {
		found[slug(match[1])] = true
	}
	for _, match := range anchorID.FindAllStringSubmatch(page, -1) {
		found[match[1]] = true
	}
	return found
}

// slug is GitHub's rule: lower case, spaces to hyphens, and no other punctuation.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}
