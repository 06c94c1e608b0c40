// Package hostile generates texts that cost as much as possible for their length, for tests of
// limits. It knows the form of settings and nothing of the code that reads them.
package hostile

import (
	"fmt"
	"strings"
)

// Settings are generators of settings that cost as much as possible for their length, in bytes.
var Settings = map[string]func(size int) string{
	"deep arrays":  func(size int) string { return strings.Repeat("[", size) },
	"deep objects": func(size int) string { return strings.Repeat(`{"a":`, size/5) },
	"deepest valid": func(size int) string {
		return "[" + repeat(strings.Repeat("[", 14)+strings.Repeat("]", 14), size) + "]"
	},
	"wide array":     func(size int) string { return "[" + repeat("[]", size) + "]" },
	"wide object":    func(size int) string { return "{" + numbered(`"k%d":0`, size) + "}" },
	"duplicate keys": func(size int) string { return "{" + repeat(`"secretsManagementSettings":{}`, size) + "}" },
	"duplicates of an unknown key": func(size int) string {
		return `{"secretsManagementSettings":{` + repeat(`"x":0`, size) + "}}"
	},
	"unknown keys": func(size int) string {
		return `{"secretsManagementSettings":{` + numbered(`"pollingInterval%d":0`, size) + "}}"
	},
	"long keys": func(size int) string { return `{"secretsManagementSettings":{"` + strings.Repeat("k", size) + `":0}}` },
	"long value": func(size int) string {
		return `{"secretsManagementSettings":{"logLevel":"` + strings.Repeat("v", size) + `"}}`
	},
	"escapes": func(size int) string {
		return `{"secretsManagementSettings":{"logLevel":"` + strings.Repeat(`\u0000`, size/6) + `"}}`
	},
	"wrong types":   func(size int) string { return Observed(repeat("0", size)) },
	"empty entries": func(size int) string { return Observed(repeat("{}", size)) },
	"same entry":    func(size int) string { return Observed(repeat(`"https://abc.vault.azure.net/secrets/a"`, size)) },
	"many entries":  func(size int) string { return Observed(numbered(`"https://abc.vault.azure.net/secrets/a%d"`, size)) },
	"many stores": func(size int) string {
		return Observed(numbered(`{"url":"https://abc.vault.azure.net/secrets/a","certificateStoreLocation":"/s/%d"}`, size))
	},
	"wrapped settings": func(size int) string {
		return `{"a":[` + repeat(`{"secretsManagementSettings":{}}`, size) + `]}`
	},
	"acls": func(size int) string {
		return Observed(`{"url":"https://abc.vault.azure.net/secrets/a","acls":[` + repeat(`{"user":"1"}`, size) + `]}`)
	},
	"line breaks": func(size int) string { return strings.Repeat("\n", size) + "{" },
	"quotes":      func(size int) string { return strings.Repeat(`\"`, size/2) },
}

// Observed returns settings with these entries.
func Observed(entries string) string {
	return `{"secretsManagementSettings":{"observedCertificates":[` + entries + `]}}`
}

func repeat(item string, size int) string {
	return strings.TrimSuffix(strings.Repeat(item+",", size/(len(item)+1)), ",")
}

func numbered(format string, size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, format+",", i)
	}
	return strings.TrimSuffix(b.String(), ",")
}
