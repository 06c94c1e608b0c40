package memo

import (
	"encoding/binary"
	"fmt"
	"testing"
)

func key(n int) (k Key) {
	binary.NativeEndian.PutUint64(k[:], uint64(n))
	return k
}

func TestBounds(t *testing.T) {
	for _, test := range []struct{ size, want int }{
		{0, maxEntries},
		{100 << 10, maxBytes / (100<<10 + entryOverhead)},
		{maxBytes + 1, 0},
	} {
		m := New[int]()
		for i := range 2 * maxEntries {
			m.Put(key(i), fmt.Sprint("namespace", i%7), test.size, i)
		}
		if len(m.entries) != test.want || m.bytes > maxBytes {
			t.Errorf("size %d: %d entries, %d bytes; want %d entries", test.size, len(m.entries), m.bytes, test.want)
		}
	}
}

// TestFairness checks that a namespace with many pods does not drop what others have, and that what
// is used stays longer.
func TestFairness(t *testing.T) {
	m := New[int]()
	m.Put(key(1), "quiet", 1000, 1)
	for i := range 10 * maxEntries {
		m.Put(key(100+i), "loud", 1000, i)
		m.Get(key(100))
	}
	for _, k := range []Key{key(1), key(100), key(100 + 10*maxEntries - 1)} {
		if _, ok := m.Get(k); !ok {
			t.Errorf("key %d was dropped", binary.NativeEndian.Uint64(k[:]))
		}
	}
	if _, ok := m.Get(key(101)); ok {
		t.Error("what was not used stays")
	}
}

func TestReplaceAndSeen(t *testing.T) {
	m := New[string]()
	m.Put(key(1), "a", 10, "before")
	m.Put(key(1), "a", 20, "after")
	if v, ok := m.Get(key(1)); v != "after" || !ok || m.bytes != 20+entryOverhead || len(m.owners) != 1 {
		t.Errorf("got %q %t, %d bytes, %d owners", v, ok, m.bytes, len(m.owners))
	}
	if m.Seen(key(5)) || !m.Seen(key(5)) || m.Seen(key(5+maxSeen)) || m.Seen(key(5)) {
		t.Error("a key is seen if it was the last one at its place")
	}
}
