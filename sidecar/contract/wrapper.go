package contract

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/internal/jsontree"
)

const expectedRoot = "expected an object with " + PathSecrets + ", as in the settings of the Key Vault VM extension"

// wrongRoot recognises a text that holds something other than the settings object, such as a whole
// ARM template around it, and returns which part to paste. It returns "" if root can be settings.
func wrongRoot(root *jsontree.Value) string {
	if root.Kind == jsontree.String {
		return "the settings are within a JSON string: they were encoded twice; remove the outer quotation marks and the backslashes"
	}
	for _, key := range topLevelKeys() {
		if root.Member(key) != nil {
			return ""
		}
	}
	found := settingsIn(root)
	name := wrapperName(root)
	switch {
	case len(found) == 1:
		return fmt.Sprintf("this is %s, not just the settings: paste only %s", name, found[0].place)
	case len(found) > 1 && found.parts():
		return fmt.Sprintf("this is %s, with parts of the settings in several places: paste one object with the content of %s",
			name, found.join(" and "))
	case len(found) > 1:
		return fmt.Sprintf("this is %s, with several settings objects in it: paste one of them, %s", name, found.join(" or "))
	case root.Kind != jsontree.Object:
		return expectedRoot + ", found " + describe(root)
	case name != anyWrapper:
		return fmt.Sprintf("this is %s without %s: %s", name, PathSecrets, expectedRoot)
	default:
		return ""
	}
}

// extraLevel returns the error for an unknown key of an object of type t at path whose value
// contains settings, or "".
func (s *schemaIndex) extraLevel(t reflect.Type, path string, m jsontree.Member) string {
	place := cmp.Or(path, "the top level")
	for key := range s.fields[t] {
		if m.Value.Member(key) != nil {
			return "is an extra level: move its content to " + place
		}
	}
	if path == "" {
		if found := settingsIn(m.Value, step{key: m.Key}); len(found) > 0 {
			return "is not a setting, but has settings in it: move the content of " + found.join(" or ") + " to " + place
		}
	}
	for _, inner := range m.Value.Members {
		if parents := s.parents[inner.Key]; parents != nil {
			return "is not a setting, but has " + inner.Key + " in it, which belongs " + location(parents)
		}
	}
	return ""
}

// topLevelKeys are the same for all systems.
func topLevelKeys() []string { return linuxSchema().keys[reflect.TypeFor[Settings]()] }

// found is an object with settings, or a string with such an object.
type found struct {
	place string
	// keys are the top-level keys of the settings that it has, in alphabetical order.
	keys []string
}

// foundList is the result of a search.
type foundList []found

// parts reports whether each has other keys than the others, so that they form one settings object
// together, as publicSettings and protectedSettings can.
func (l foundList) parts() bool {
	var keys []string
	for _, f := range l {
		keys = append(keys, f.keys...)
	}
	slices.Sort(keys)
	return len(keys) == len(slices.Compact(keys))
}

func (l foundList) join(separator string) string {
	places := make([]string, len(l))
	for i, f := range l {
		places[i] = f.place
	}
	return strings.Join(places, separator)
}

// settingsIn returns the objects with settings at or below n, and the strings with such an object.
// It stops at maxTexts. The path leads to n.
func settingsIn(n *jsontree.Value, path ...step) foundList {
	s := search{path: path, keys: slices.Sorted(slices.Values(topLevelKeys()))}
	s.visit(n)
	return s.found
}

// search looks for settings in a document. It renders a path only where it finds some, since a path
// for every value would need much more memory than the document.
type search struct {
	path  []step
	keys  []string // of Settings
	found foundList
}

// step leads from an array or object to a value in it: key is empty in an array.
type step struct {
	key   string
	index int
}

func (s *search) visit(n *jsontree.Value) {
	if len(s.found) == maxTexts {
		return
	}
	if keys := s.keysIn(n); len(keys) > 0 {
		what := "the object at "
		if n.Kind == jsontree.String {
			what = "the object in the string at "
		}
		s.found = append(s.found, found{what + s.place(), keys})
		return
	}
	for _, m := range n.Members {
		s.enter(step{key: m.Key}, m.Value)
	}
	for i, item := range n.Items {
		s.enter(step{index: i}, item)
	}
}

// keysIn returns the keys of Settings that an object, or the object in a string, has.
func (s *search) keysIn(n *jsontree.Value) (keys []string) {
	if len(n.Members) == 0 && n.Kind != jsontree.String {
		return nil
	}
	for _, key := range s.keys {
		if n.Member(key) != nil || n.Kind == jsontree.String && strings.Contains(n.Text, `"`+key+`"`) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (s *search) enter(next step, n *jsontree.Value) {
	s.path = append(s.path, next)
	s.visit(n)
	s.path = s.path[:len(s.path)-1]
}

// place returns the path of the value that is visited, as in FieldError.Path.
func (s *search) place() string {
	path := ""
	for _, st := range s.path {
		if st.key != "" {
			path = join(path, st.key)
		} else {
			path = fmt.Sprintf("%s[%d]", path, st.index)
		}
	}
	return path
}

// lastKey returns the key of the object at a path.
func lastKey(path string) string {
	return path[strings.LastIndexByte(path, '.')+1:]
}

// anyWrapper is the name of a wrapper that wrapperName does not recognise.
const anyWrapper = "an object around the settings"

// wrapperName returns what an object around settings is, by the keys that Azure Resource Manager
// and Kubernetes give it.
func wrapperName(root *jsontree.Value) string {
	text := func(key string) string {
		if n := root.Member(key); n != nil && n.Kind == jsontree.String {
			return n.Text
		}
		return ""
	}
	resource := text("type")
	switch {
	case strings.Contains(text("$schema"), "deploymentTemplate"):
		return "a whole ARM template"
	case strings.EqualFold(resource, "Microsoft.Batch/batchAccounts/pools"):
		return "the body of an Azure Batch pool"
	case strings.Contains(resource, "/"):
		return "a whole ARM resource (type " + quote(resource) + ")"
	case text("publisher") != "":
		return "the description of an extension"
	case text("kind") != "" && text("apiVersion") != "":
		return "a Kubernetes object (" + quote(text("kind")) + ")"
	case root.Kind == jsontree.Array:
		return "an array"
	default:
		return anyWrapper
	}
}
