package memo

import (
	"container/list"
	"encoding/binary"
	"sync"
)

const (
	// maxEntries and maxBytes bound what is remembered.
	maxEntries = 1024
	maxBytes   = 4 << 20
	// entryOverhead is what an entry takes beside its value, in bytes, about.
	entryOverhead = 768
	// maxSeen is the number of requests that are known to have been seen once.
	maxSeen = 4096
)

// Memo remembers values by key. All methods may be called at the same time.
type Memo[V any] struct {
	mu      sync.Mutex
	entries map[Key]*list.Element
	// owners are the entries of each owner, the last used first.
	owners map[string]*owned
	bytes  int
	// seen are hashes of keys that were seen, each at its place. A key may replace another one.
	seen [maxSeen]uint64
}

type owned struct {
	list  list.List // of *entry[V]
	bytes int
}

type entry[V any] struct {
	key   Key
	owner string
	size  int
	value V
}

// New returns an empty Memo.
func New[V any]() *Memo[V] {
	return &Memo[V]{entries: map[Key]*list.Element{}, owners: map[string]*owned{}}
}

// Get returns the value of a key.
func (m *Memo[V]) Get(k Key) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[k]
	if !ok {
		return value, false
	}
	found := e.Value.(*entry[V])
	m.owners[found.owner].list.MoveToFront(e)
	return found.value, true
}

// Seen reports whether a key was seen recently, and notes that it is now. Only what is seen twice
// is worth an entry.
func (m *Memo[V]) Seen(k Key) bool {
	mark := binary.NativeEndian.Uint64(k[:])
	place := &m.seen[mark%maxSeen]
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := *place == mark
	*place = mark
	return seen
}

// Put sets the value of a key, which takes size bytes. To keep to the bounds, it drops the entries
// that the owner with the most bytes has not used for the longest time.
func (m *Memo[V]) Put(k Key, owner string, size int, value V) {
	size += entryOverhead
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[k]; ok {
		m.drop(e)
	}
	o := m.owners[owner]
	if o == nil {
		o = &owned{}
		m.owners[owner] = o
	}
	m.entries[k] = o.list.PushFront(&entry[V]{k, owner, size, value})
	o.bytes += size
	m.bytes += size
	for m.bytes > maxBytes || len(m.entries) > maxEntries {
		m.drop(m.largest().list.Back())
	}
}

// largest returns the owner with the most bytes.
func (m *Memo[V]) largest() (largest *owned) {
	for _, o := range m.owners {
		if largest == nil || o.bytes > largest.bytes {
			largest = o
		}
	}
	return largest
}

func (m *Memo[V]) drop(e *list.Element) {
	dropped := e.Value.(*entry[V])
	delete(m.entries, dropped.key)
	m.bytes -= dropped.size
	o := m.owners[dropped.owner]
	o.list.Remove(e)
	if o.bytes -= dropped.size; o.list.Len() == 0 {
		delete(m.owners, dropped.owner)
	}
}
