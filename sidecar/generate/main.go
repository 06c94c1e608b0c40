// Command generate prints the documents that are generated from the code; "make generate" runs it:
//
//	generate schema     the JSON schema of the settings, for docs/settings.schema.json and the chart
//	generate page FILE  the page with its generated tables, for docs/reference.md
//
// Names, keys, types, allowed words, defaults and metrics come from the packages that use them, so
// that a document cannot differ from the programs. Only descriptions are written here. The command
// fails if one is missing, or describes something that does not exist.
//
// The schema is one of draft-07, which all editors support. It accepts every text that Parse and
// Validate accept. It also accepts some that they refuse, since a schema cannot compare settings
// with each other; the tests list these.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

func main() {
	text, err := run(os.Args[1:])
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string) ([]byte, error) {
	switch {
	case len(args) == 1 && args[0] == "schema":
		return renderSchema()
	case len(args) == 2 && args[0] == "page":
		page, err := os.ReadFile(args[1])
		if err != nil {
			return nil, err
		}
		return renderPage(page)
	}
	return nil, errors.New("usage: generate schema, or generate page FILE")
}

// renderSchema returns the schema as indented JSON.
func renderSchema() ([]byte, error) {
	s, _, err := generate()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(s)
	return b.Bytes(), err
}
