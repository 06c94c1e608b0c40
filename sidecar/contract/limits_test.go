package contract_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// hostile are generators of settings that cost as much as possible for their length, in bytes.
var hostile = map[string]func(size int) string{
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
	"wrong types":   func(size int) string { return observed(repeat("0", size)) },
	"empty entries": func(size int) string { return observed(repeat("{}", size)) },
	"same entry":    func(size int) string { return observed(repeat(`"https://v.vault.azure.net/secrets/a"`, size)) },
	"many entries":  func(size int) string { return observed(numbered(`"https://v.vault.azure.net/secrets/a%d"`, size)) },
	"many stores": func(size int) string {
		return observed(numbered(`{"url":"https://v.vault.azure.net/secrets/a","certificateStoreLocation":"/s/%d"}`, size))
	},
	"wrapped settings": func(size int) string {
		return `{"a":[` + repeat(`{"secretsManagementSettings":{}}`, size) + `]}`
	},
	"acls": func(size int) string {
		return observed(`{"url":"https://v.vault.azure.net/secrets/a","acls":[` + repeat(`{"user":"1"}`, size) + `]}`)
	},
	"line breaks": func(size int) string { return strings.Repeat("\n", size) + "{" },
	"quotes":      func(size int) string { return strings.Repeat(`\"`, size/2) },
}

func observed(entries string) string {
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

// parse does what admission and the sidecar do with settings.
func parse(text string) {
	s, err := contract.Parse([]byte(text))
	if err == nil {
		_, _, err = s.Validate(contract.Rules{})
	}
	if err != nil {
		_ = err.Error()
	}
}

// No text of 256 KiB, or of the length that is allowed, needs much memory: all that Parse, Validate
// and the message allocate is counted, garbage included, which is more than half of it. It would be
// hundreds of megabytes if it grew with the depth, or with the square of the length.
func TestHostileMemory(t *testing.T) {
	for name, generate := range hostile {
		for _, size := range []int{contract.MaxSettingsBytes - 1000, 256 << 10} {
			text := generate(size)
			if allocated := allocated(func() { parse(text) }); allocated > 14<<20 {
				t.Errorf("%s, %d bytes: %d KiB allocated", name, len(text), allocated>>10)
			}
		}
	}
}

// Work grows linearly with the length: what is allocated for twice the length is about twice as
// much. Messages are bounded, so less is fine.
func TestHostileGrowth(t *testing.T) {
	for name, generate := range hostile {
		small, large := generate(20<<10), generate(80<<10)
		before, after := allocated(func() { parse(small) }), allocated(func() { parse(large) })
		if after > 6*before+(256<<10) {
			t.Errorf("%s: %d KiB allocated for %d bytes, %d KiB for %d bytes", name, before>>10, len(small), after>>10, len(large))
		}
	}
}

// allocated returns how many bytes a function allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A text that is too long or too deep is refused with the limit, and nothing else is said of it.
func TestSettingsLimits(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"long": {observed(strings.Repeat(" ", contract.MaxSettingsBytes)), "more than the limit of 98304"},
		"deep": {`{"secretsManagementSettings":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "}", "nested more than 16 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := contract.Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
