package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// table is a table of a page.
type table struct {
	head []string
	rows [][]string
}

// tables are the generated tables by name.
var tables = map[string]func() (*table, error){
	"identity annotations": identityTable,
	"annotations":          annotationTable,
	"written annotations":  writtenTable,
	"settings":             settingsTable,
	"reasons":              reasonTable,
	"metrics":              metricTable,
	"flags":                flagTable,
	"exit codes":           exitTable,
}

// region is a generated part of a page, with the name of its table.
var region = regexp.MustCompile(`(?s)<!-- generated: ([a-z ]+) -->\n.*?<!-- end -->\n`)

// renderPage returns the page with its generated regions as they are now. The error names a table
// that the page lacks or that does not exist.
func renderPage(page []byte) ([]byte, error) {
	var errs []error
	seen := map[string]bool{}
	page = region.ReplaceAllFunc(page, func(old []byte) []byte {
		name := string(region.FindSubmatch(old)[1])
		seen[name] = true
		if tables[name] == nil {
			errs = append(errs, fmt.Errorf("the page has a region %q, but no table has this name", name))
			return old
		}
		t, err := tables[name]()
		if err != nil {
			errs = append(errs, fmt.Errorf("table %q: %w", name, err))
			return old
		}
		return []byte("<!-- generated: " + name + " -->\n" + t.String() + "<!-- end -->\n")
	})
	for name := range tables {
		if !seen[name] {
			errs = append(errs, fmt.Errorf("the page has no region for the table %q", name))
		}
	}
	if bytes.Count(page, []byte("<!-- generated: ")) != len(seen) {
		errs = append(errs, errors.New("a region begins twice, or has no end"))
	}
	return page, errors.Join(errs...)
}

// String returns the table in Markdown.
func (t *table) String() string {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString(strings.ReplaceAll("| "+strings.Join(cells, " | ")+" |\n", "|  |", "| |"))
	}
	line(t.head)
	b.WriteString(strings.Repeat("| --- ", len(t.head)) + "|\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// code formats names and values.
func code(values ...string) string { return "`" + strings.Join(values, "`, `") + "`" }
