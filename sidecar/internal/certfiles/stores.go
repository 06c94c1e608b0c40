//go:build !windows

package certfiles

import (
	"maps"
	"slices"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// Stores is a certsync.Stores. It opens a store when it is first needed, and keeps it open until
// the process ends, or its directory is not in place any more.
type Stores struct {
	mu           sync.Mutex
	options      store.Options
	passwordFile string
	opened       map[string]*openStore
}

type openStore struct {
	*store.Store
	// warnings are those of Open; the next Commit reports them.
	warnings []string
	// passwords are the digests of the passwords of the keystores, by LinkName.
	passwords map[string]passwordDigest
}

// NewStores returns Stores that open each store with these options, and read the password of
// keystores from a file. Without a path it is contract.DefaultKeystorePass.
func NewStores(o store.Options, passwordFile string) *Stores {
	return &Stores{options: o, passwordFile: passwordFile, opened: map[string]*openStore{}}
}

// SetPasswordFile changes the password file for the next Commits.
func (s *Stores) SetPasswordFile(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passwordFile = path
}

func (s *Stores) open(dir string) (*openStore, error) {
	if o := s.opened[dir]; o != nil {
		if o.InPlace() {
			return o, nil
		}
		delete(s.opened, dir)
		_ = o.Close() // its directory is gone
	}
	opened, warnings, err := store.Open(dir, s.options)
	if err != nil {
		return nil, err
	}
	o := &openStore{Store: opened, warnings: warnings, passwords: map[string]passwordDigest{}}
	s.opened[dir] = o
	return o, nil
}

// InPlace implements certsync.Stores.
func (s *Stores) InPlace(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.opened[dir]
	return o == nil || o.InPlace()
}

// Current implements certsync.Stores. The error is a *store.Error.
func (s *Stores) Current(dir string) (map[string]certsync.Installed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.open(dir)
	if err != nil {
		return nil, err
	}
	current := map[string]certsync.Installed{}
	for link, in := range o.Current() {
		current[link] = certsync.Installed{FileName: in.FileName, Version: in.Version, Leaf: certsync.Leaf(in.Leaf)}
	}
	return current, nil
}

// Commit implements certsync.Stores. The error is a *store.Error; errors of single items are in
// Failed.
func (s *Stores) Commit(dir string, items []certsync.Item[Content]) (certsync.Committed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.open(dir)
	if err != nil {
		return certsync.Committed{}, err
	}
	b := &batch{
		passwordFile: s.passwordFile, current: o.Current(), passwords: o.passwords,
		written: map[string]passwordDigest{}, failed: map[string]error{},
	}
	result, err := o.Commit(b.entries(items))
	if err == nil && b.canReplace(result.Missing) {
		warnings := result.Warnings
		result, err = o.Commit(b.entries(items))
		result.Warnings = append(warnings, result.Warnings...)
	}
	if err != nil {
		return certsync.Committed{}, err
	}
	for link, err := range result.Blocked {
		delete(b.written, link)
		b.failed[link] = err
	}
	maps.Copy(o.passwords, b.written)
	warnings := slices.Concat(o.warnings, result.Warnings)
	o.warnings = nil
	return certsync.Committed{Changed: result.Changed, Missing: result.Missing, Failed: b.failed, Warnings: warnings}, nil
}

// batch converts the items of one Commit to entries of a store.
type batch struct {
	passwordFile string
	current      map[string]store.Installed
	// passwords are the digests of the current keystores' passwords, written those of the new
	// keystores'.
	passwords, written map[string]passwordDigest
	failed             map[string]error
	// unchanged are the LinkNames of items with content whose files the store keeps.
	unchanged []string
}

func (b *batch) entries(items []certsync.Item[Content]) []store.Entry {
	b.unchanged = nil
	entries := make([]store.Entry, 0, len(items))
	for _, item := range items {
		e, err := b.entry(item)
		if err != nil {
			b.failed[item.Certificate.LinkName] = err
			e = b.keep(item.Certificate)
		}
		entries = append(entries, e)
	}
	return entries
}

// keep returns an entry that keeps what a link leads to, and who may read it.
func (b *batch) keep(c contract.Certificate) store.Entry {
	e := store.Entry{FileName: c.FileName(), LinkName: c.LinkName, KeepAccess: true}
	if current, ok := b.current[c.LinkName]; ok {
		e.FileName, e.Version, e.Leaf = current.FileName, current.Version, current.Leaf
	}
	return e
}

func (b *batch) entry(item certsync.Item[Content]) (store.Entry, error) {
	link := item.Certificate.LinkName
	if item.Version == "" {
		return b.keep(item.Certificate), nil
	}
	readers, err := access(item.Certificate)
	if err != nil {
		return store.Entry{}, err
	}
	e := store.Entry{
		FileName: item.FileName, LinkName: link, Version: item.Version, Leaf: store.Leaf(item.Leaf), Access: readers,
	}
	if item.Content == nil {
		return e, nil
	}
	password, digest, err := keystorePassword(item.Certificate, b.passwordFile)
	if err != nil {
		return store.Entry{}, err
	}
	if b.isCurrent(item, digest) {
		b.unchanged = append(b.unchanged, link)
		return e, nil
	}
	if e.Files, err = files(item, password); err != nil {
		return store.Entry{}, err
	}
	b.written[link] = digest
	return e, nil
}

// isCurrent reports whether the store has the item's version in its formats, with the same
// password.
func (b *batch) isCurrent(item certsync.Item[Content], password passwordDigest) bool {
	link := item.Certificate.LinkName
	current, ok := b.current[link]
	return ok && current.FileName == item.FileName && current.Version == item.Version &&
		slices.Equal(current.Formats, item.Certificate.Formats) && b.passwords[link] == password
}

// canReplace reports whether the content of a missing link is at hand. The next entries then write
// it.
func (b *batch) canReplace(missing []string) bool {
	found := false
	for _, link := range missing {
		if slices.Contains(b.unchanged, link) {
			delete(b.current, link)
			found = true
		}
	}
	return found
}
