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
	switch root.kind {
	case kindObject:
	case kindString:
		return "the settings are within a JSON string: they were encoded twice; remove the outer quotation marks and the backslashes"
	default:
		return expectedRoot + ", found " + root.describe()
	}
	for key := range fieldsOf(reflect.TypeFor[Settings]()) {
		if root.find(key) != nil {
			return ""
		}
	}
	var paths []string
	findSettings(root, "", &paths)
	switch len(paths) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("this is %s, not the settings in it: paste only the object at %s", wrapperName(root), paths[0])
	default:
		return fmt.Sprintf("this is %s with several settings in it: paste one object, that at %s", wrapperName(root), strings.Join(paths, " or "))
	}
}

// findSettings collects the paths of all objects that have secretsManagementSettings.
func findSettings(n *node, path string, paths *[]string) {
	if len(*paths) == maxTexts {
		return
	}
	if n.find("secretsManagementSettings") != nil {
		*paths = append(*paths, path)
		return
	}
	for _, m := range n.members {
		findSettings(m.value, join(path, m.key), paths)
	}
	for i, item := range n.items {
		findSettings(item, fmt.Sprintf("%s[%d]", path, i), paths)
	}
}

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
	default:
		return "an object around the settings"
	}
}
