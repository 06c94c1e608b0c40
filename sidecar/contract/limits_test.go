package contract_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/hostile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

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
	for name, generate := range hostile.Settings {
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
	for name, generate := range hostile.Settings {
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
		"long": {hostile.Observed(strings.Repeat(" ", contract.MaxSettingsBytes)), "more than the limit of 98304"},
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
