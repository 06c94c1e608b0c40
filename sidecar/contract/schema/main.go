// Command schema prints the JSON schema of the settings (draft-07, which all editors support), for
// docs/settings.schema.json and the chart. `make generate` runs it.
//
// The keys, their types and the allowed words come from package contract, so that they cannot
// differ from what Parse accepts. Descriptions, examples and patterns are in properties.go.
//
// The schema accepts every text that Parse and Validate accept. It also accepts some that they
// refuse, since a schema cannot compare settings with each other; the tests list these.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	text, err := render()
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

// render returns the schema as indented JSON.
func render() ([]byte, error) {
	s, err := generate()
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
