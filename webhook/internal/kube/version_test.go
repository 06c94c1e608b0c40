package kube

import "testing"

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		`{"major":"1","minor":"36","gitVersion":"v1.36.3"}`:        {1, 36},
		`{"major":"1","minor":"29+","gitVersion":"v1.29.4-gke.1"}`: {1, 29},
	} {
		if got, err := parseVersion([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{``, `[]`, `{}`, `{"major":"1","minor":"x"}`, `{"major":"","minor":"1"}`} {
		if got, err := parseVersion([]byte(text)); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
