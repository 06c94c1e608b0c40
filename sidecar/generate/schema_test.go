package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// compiled returns the generated schema, and a function that validates JSON with it.
func compiled(t *testing.T) (*schema, func(data []byte) error) {
	t.Helper()
	s, _, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	text, err := renderSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("settings.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	validator, err := c.Compile("settings.schema.json") // also checks it against the meta-schema
	if err != nil {
		t.Fatal(err)
	}
	return s, func(data []byte) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return validator.Validate(value)
	}
}

// accepts is what Parse and Validate say to settings: nil if they accept them in one of the modes.
func accepts(data []byte) error {
	s, err := contract.Parse(data)
	if err != nil {
		return err
	}
	if _, _, err = s.Validate(contract.Rules{Mode: contract.Pod}); err != nil {
		_, _, err = s.Validate(contract.Rules{Mode: contract.Host})
	}
	return err
}

// beyond are the cases that Validate refuses and the schema accepts, with what a schema cannot
// check.
var beyond = map[string]string{
	"cases/acls-bad":                     "names and numbers of users",
	"cases/authentication-override-bad":  "two settings with the same meaning",
	"cases/client-id-placeholder":        "placeholders",
	"cases/duplicate-keys":               "keys that repeat",
	"cases/empty-object":                 "whether other settings name certificates",
	"cases/link-is-a-keystore":           "names of links",
	"cases/link-is-a-version":            "names of links",
	"cases/link-is-another-file":         "names of links",
	"cases/logging-without-endpoint":     "settings that need each other",
	"cases/nested-stores":                "stores inside each other",
	"cases/polling-fraction":             "numbers in strings",
	"cases/polling-too-short":            "numbers in strings",
	"cases/private-link":                 "hosts of vaults",
	"cases/reload-halves":                "settings that need each other",
	"cases/reload-process-alone":         "settings that need each other",
	"cases/same-custom-link":             "names of links",
	"cases/same-link":                    "names of links",
	"cases/two-acls-one-secret":          "settings that differ",
	"extension/vm-expressions":           "placeholders",
	"extension/vm-powershell-as-printed": "placeholders",
}

// TestAgrees compares the schema with Parse and Validate for every case of package contract. What
// they accept, the schema accepts; what they refuse, it refuses, except for the cases in beyond.
func TestAgrees(t *testing.T) {
	_, validate := compiled(t)
	paths, err := filepath.Glob("../contract/testdata/*/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	seen := make(map[string]bool)
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(path), "../contract/testdata/"), ".json")
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, got := accepts(data), validate(data)
			switch reason := beyond[name]; {
			case want == nil && got != nil:
				t.Errorf("the settings are valid, but the schema refuses them: %v", got)
			case want != nil && got == nil && reason == "":
				t.Errorf("the schema accepts settings that are refused with: %v", want)
			case reason != "" && (want == nil || got != nil):
				t.Errorf("a schema is said not to check %s here, but Validate returns %v, and the schema %v", reason, want, got)
			}
		})
	}
	for name := range beyond {
		if !seen[name] {
			t.Errorf("beyond lists %s, which does not exist", name)
		}
	}
}

// TestExamples checks that the examples of all settings together are valid settings, and that each
// value that means the same as an absent one is accepted.
func TestExamples(t *testing.T) {
	s, validate := compiled(t)
	for name, example := range map[string]any{
		"first examples": build(s, func(p *schema) any { return p.Examples[0] }),
		"last examples":  build(s, func(p *schema) any { return p.Examples[len(p.Examples)-1] }),
	} {
		data, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := accepts(data); err != nil {
			t.Errorf("%s: %v in %s", name, err, data)
		}
	}
	data, err := json.Marshal(build(s, func(p *schema) any {
		if p.Pattern == secretPattern {
			return p.Examples[0]
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(data); err != nil {
		t.Errorf("null is refused: %v", err)
	}
}

// build returns settings with every key; leaf returns the value of one that is not an object.
func build(s *schema, leaf func(*schema) any) any {
	object, list := s, false
	if s.Items != nil {
		object, list = s.Items, true
	}
	for _, form := range object.AnyOf {
		if form.Properties != nil {
			object = form
		}
	}
	if object.Properties == nil {
		return leaf(s)
	}
	members := make(map[string]any)
	for key, p := range object.Properties {
		if key != "$schema" {
			members[key] = build(p, leaf)
		}
	}
	if list {
		return []any{members}
	}
	return members
}
