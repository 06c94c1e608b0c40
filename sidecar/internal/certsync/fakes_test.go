package certsync_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// vault is a Source: it has versions, or errors, by certificate name, and records the requests. The
// tests of package keyvault and the scripts of package main use the real client.
type vault struct {
	mu       sync.Mutex
	versions map[string]certsync.Fetched[string]
	errors   map[string]error
	requests map[string][]time.Duration // since the beginning
	began    time.Time
	took     time.Duration
}

func newVault(names ...string) *vault {
	v := &vault{versions: map[string]certsync.Fetched[string]{}, errors: map[string]error{}, requests: map[string][]time.Duration{}, began: time.Now()}
	for _, name := range names {
		v.put(name, "v1")
	}
	return v
}

// put adds a version as the newest; it is valid since yesterday.
func (v *vault) put(name, version string) { v.putFrom(name, version, time.Now().Add(-24*time.Hour)) }

func (v *vault) putFrom(name, version string, notBefore time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.errors, name)
	content := name + " " + version
	v.versions[name] = certsync.Fetched[string]{
		Version: version, Content: &content,
		Leaf: certsync.Leaf{Fingerprint: version, NotBefore: notBefore, NotAfter: notBefore.Add(365 * 24 * time.Hour)},
	}
}

func (v *vault) fail(name string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.errors[name] = err
}

func (v *vault) Fetch(ctx context.Context, c contract.Certificate, _ string) (certsync.Fetched[string], error) {
	v.mu.Lock()
	v.requests[c.Name] = append(v.requests[c.Name], time.Since(v.began))
	f, ok := v.versions[c.Name]
	err := v.errors[c.Name]
	took := v.took
	v.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return certsync.Fetched[string]{}, ctx.Err()
	}
	if err == nil && !ok {
		err = errNotFound
	}
	return f, err
}

// times returns when a certificate was requested, and forgets it.
func (v *vault) times(name string) []time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	times := v.requests[name]
	delete(v.requests, name)
	return times
}

type permanentError struct{ error }

func (permanentError) Permanent() bool { return true }

type throttledError struct{ wait time.Duration }

func (e throttledError) Error() string             { return "throttled" }
func (e throttledError) RetryAfter() time.Duration { return e.wait }

var (
	errNotFound = permanentError{errors.New("not found")}
	errNetwork  = errors.New("no answer")
)

// disk is Stores in memory: the content of each link, by directory.
type disk struct {
	mu      sync.Mutex
	dirs    map[string]map[string]certsync.Installed
	content map[string]string // by dir and link
	changes int               // commits that changed something
	err     error
	failed  map[string]error
	removed bool // nobody has opened the directory since
}

func newDisk() *disk {
	return &disk{dirs: map[string]map[string]certsync.Installed{}, content: map[string]string{}}
}

func (d *disk) InPlace(string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.removed
}

// remove removes the directory of a store.
func (d *disk) remove(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.dirs, dir)
	d.removed = true
}

func (d *disk) Current(dir string) (map[string]certsync.Installed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removed = d.removed && d.err != nil
	return maps.Clone(d.dirs[dir]), d.err
}

func (d *disk) Commit(dir string, items []certsync.Item[string]) (certsync.Committed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return certsync.Committed{}, d.err
	}
	next := map[string]certsync.Installed{}
	var missing []string
	for _, item := range items {
		link := item.Certificate.LinkName
		if d.failed[link] != nil {
			continue
		}
		if item.Version == "" {
			if have, ok := d.dirs[dir][link]; ok {
				next[link] = have
			}
			continue
		}
		if _, ok := d.dirs[dir][link]; item.Content == nil && !ok {
			missing = append(missing, link)
			continue
		}
		if item.Content != nil {
			d.content[dir+"/"+link] = *item.Content
		}
		next[link] = item.Installed
	}
	changed := !maps.EqualFunc(d.dirs[dir], next, func(a, b certsync.Installed) bool { return a.Version == b.Version })
	if changed {
		d.changes++
	}
	d.dirs[dir] = next
	return certsync.Committed{Changed: changed, Missing: missing, Failed: d.failed}, nil
}

func (d *disk) read(link string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.dirs[store][link]; !ok {
		return ""
	}
	return d.content[store+"/"+link]
}

// lose removes a link without the loop.
func (d *disk) lose(link string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.dirs[store], link)
}

func (d *disk) setError(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// watcher is an Observer that keeps the reports.
type watcher struct {
	mu      sync.Mutex
	reports []certsync.Report
	beats   []time.Time
}

func (w *watcher) Beat() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beats = append(w.beats, time.Now())
}

func (w *watcher) Report(r certsync.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, r)
}

func (w *watcher) last() certsync.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reports[len(w.reports)-1]
}

// first is the report at the beginning.
func (w *watcher) first() certsync.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reports[0]
}

// longestSilence is the longest time between two beats.
func (w *watcher) longestSilence() (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 1; i < len(w.beats); i++ {
		longest = max(longest, w.beats[i].Sub(w.beats[i-1]))
	}
	return longest
}

const store = "/store"

func settingsFor(names ...string) certsync.Settings {
	s := certsync.Settings{Interval: time.Hour, RequireInitialSync: true}
	for _, name := range names {
		s.Certificates = append(s.Certificates, contract.Certificate{
			URL: "https://example.vault.azure.net/secrets/" + name, VaultName: "example", Name: name,
			Store: store, LinkName: "example." + name,
		})
	}
	return s
}

// rig is a running loop in a synctest bubble.
type rig struct {
	*certsync.Loop[string]
	vault *vault
	disk  *disk
	watch *watcher
}

// bubble runs a test with a fake clock and a loop, which ends with the test.
func bubble(t *testing.T, s func() certsync.Settings, v func() *vault, d *disk, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{vault: v(), disk: d, watch: &watcher{}}
		r.Loop = certsync.New(s(), r.vault, d, r.watch, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		synctest.Wait()
		test(t, r)
		cancel()
		<-done
	})
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func mustHave(t *testing.T, d *disk, link, want string) {
	t.Helper()
	if got := d.read(link); got != want {
		t.Errorf("the store has %q under %s, want %q", got, link, want)
	}
}

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("c%02d", i)
	}
	return list
}

// countChanges returns how many commits changed something.
func (d *disk) countChanges() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changes
}
