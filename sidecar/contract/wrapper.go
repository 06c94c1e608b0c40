package contract

import (
	"fmt"
	"reflect"
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
	for key := range fieldsOf(reflect.TypeFor[Settings]()) {
		if root.Member(key) != nil {
			return ""
		}
	}
	var found []string
	findSettings(root, "", &found)
	name := wrapperName(root)
	switch {
	case len(found) == 1:
		return fmt.Sprintf("this is %s, not just the settings: paste only %s", name, found[0])
	case len(found) > 1:
		return fmt.Sprintf("this is %s, with several settings objects in it: paste one of them, %s", name, strings.Join(found, " or "))
	case root.Kind != jsontree.Object:
		return expectedRoot + ", found " + describe(root)
	case name != anyWrapper:
		return fmt.Sprintf("this is %s without %s: %s", name, PathSecrets, expectedRoot)
	default:
		return ""
	}
}

// findSettings appends to found a description of each value below n that has
// secretsManagementSettings: an object, or a string with such an object. It stops at maxTexts.
func findSettings(n *jsontree.Value, path string, found *[]string) {
	if len(*found) == maxTexts {
		return
	}
	if n.Member(PathSecrets) != nil {
		*found = append(*found, "the object at "+path)
		return
	}
	if n.Kind == jsontree.String && strings.Contains(n.Text, `"`+PathSecrets+`"`) {
		*found = append(*found, "the object in the string at "+path)
		return
	}
	for _, m := range n.Members {
		findSettings(m.Value, join(path, m.Key), found)
	}
	for i, item := range n.Items {
		findSettings(item, fmt.Sprintf("%s[%d]", path, i), found)
	}
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
