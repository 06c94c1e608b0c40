package annotations

import (
	"maps"
	"sync"
	"time"
)

const (
	// absentFor is how long an object that did not exist is not read again. The cache is looked at
	// first, so an object that is created meanwhile is found as soon as the cache has it.
	absentFor = 2 * time.Second
	// maxAbsent bounds the number of objects that are remembered.
	maxAbsent = 4096
)

// absent remembers for absentFor which objects did not exist. The zero value is empty.
type absent struct {
	mu    sync.Mutex
	until map[key]time.Time
}

func (a *absent) has(k key) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	until, ok := a.until[k]
	return ok && time.Now().Before(until)
}

// add remembers an object, unless there are too many of them.
func (a *absent) add(k key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.until == nil {
		a.until = map[key]time.Time{}
	}
	if len(a.until) >= maxAbsent {
		maps.DeleteFunc(a.until, func(_ key, until time.Time) bool { return !now.Before(until) })
	}
	if len(a.until) < maxAbsent {
		a.until[k] = now.Add(absentFor)
	}
}
