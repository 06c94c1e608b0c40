package store

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkSwap measures a Commit that replaces a hundred certificates. TMPDIR selects the file
// system; in a pod, it is in memory.
func BenchmarkSwap(b *testing.B) {
	s, _, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	s.gracePeriod = 0
	content := bytes.Repeat([]byte{'a'}, 5<<10) // a leaf, two CA certificates and an RSA key
	version := 0
	for b.Loop() {
		version++
		entries := make([]Entry, 100)
		for i := range entries {
			entries[i] = pemEntry(fmt.Sprintf("vault.certificate%d", i), fmt.Sprintf("%032x", version))
			entries[i].Files.PEM = content
		}
		if r, err := s.Commit(entries); err != nil || !r.Changed {
			b.Fatalf("%+v, %v", r, err)
		}
	}
}
