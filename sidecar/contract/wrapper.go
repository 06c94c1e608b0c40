package contract

import (
	"fmt"
	"reflect"
	"strings"
)

const expectedRoot = `expected an object with secretsManagementSettings, as in the settings of the Key Vault VM extension`

// wrongRoot recognises what is pasted in place of the settings object, and says which part to paste.
// It returns "" for what can be taken for settings.
func wrongRoot(root *node) string {
	if root.kind == kindString {
		return "the settings are within a JSON string: they were encoded twice; remove the outer quotation marks and the backslashes"
	}
	for key := range fieldsOf(reflect.TypeFor[Settings]()) {
		if root.find(key) != nil {
			return ""
		}
	}
	var paths []string
	findSettings(root, "", &paths)
	name := wrapperName(root)
	switch {
	case len(paths) == 1:
		return fmt.Sprintf("this is %s, not the settings in it: paste only %s", name, paths[0])
	case len(paths) > 1:
		return fmt.Sprintf("this is %s with several settings in it: paste one of them, %s", name, strings.Join(paths, " or "))
	case root.kind != kindObject:
		return expectedRoot + ", found " + root.describe()
	case name != anyWrapper:
		return fmt.Sprintf("this is %s, and no secretsManagementSettings are in it: %s", name, expectedRoot)
	default:
		return ""
	}
}

// findSettings collects the places of everything that has secretsManagementSettings: objects, and strings that hold one.
func findSettings(n *node, path string, places *[]string) {
	if len(*places) == maxTexts {
		return
	}
	if n.find(pathSecrets) != nil {
		*places = append(*places, "the object at "+path)
		return
	}
	if n.kind == kindString && strings.Contains(n.text, `"`+pathSecrets+`"`) {
		*places = append(*places, "the object in the string at "+path)
		return
	}
	for _, m := range n.members {
		findSettings(m.value, join(path, m.key), places)
	}
	for i, item := range n.items {
		findSettings(item, fmt.Sprintf("%s[%d]", path, i), places)
	}
}

// anyWrapper is what wrapperName says where it does not know more.
const anyWrapper = "an object around the settings"

// wrapperName says what an object around settings is, by the keys that Azure Resource Manager gives it.
func wrapperName(root *node) string {
	text := func(key string) string {
		if n := root.find(key); n != nil && n.kind == kindString {
			return n.text
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
	case root.kind == kindArray:
		return "an array"
	default:
		return anyWrapper
	}
}
