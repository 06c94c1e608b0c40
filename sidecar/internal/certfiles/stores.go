package main

import (
	"maps"
	"slices"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// stores is the certsync.Stores: package store's, each opened when it is first needed, and until the process ends.
type stores struct {
	mu     sync.Mutex
	render renderer
	opened map[string]*openStore
}

type openStore struct {
	*store.Store
	// warnings of the opening, for the next Commit.
	warnings []string
	// passwords are digests of what the keystores were made with, by LinkName.
	passwords map[string]passwordDigest
}

func newStores(s *settings) *stores {
	return &stores{render: newRenderer(s), opened: map[string]*openStore{}}
}

// configure makes the next Commits follow other settings.
func (s *stores) configure(c *settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.render = newRenderer(c)
}

func (s *stores) open(dir string) (*openStore, error) {
	if o := s.opened[dir]; o != nil {
		return o, nil
	}
	opened, warnings, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	o := &openStore{Store: opened, warnings: warnings, passwords: map[string]passwordDigest{}}
	s.opened[dir] = o
	return o, nil
}

// Current implements certsync.Stores.
func (s *stores) Current(dir string) (map[string]certsync.Installed, error) {
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

// Commit implements certsync.Stores.
func (s *stores) Commit(dir string, items []certsync.Item) (certsync.Committed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.open(dir)
	if err != nil {
		return certsync.Committed{}, err
	}
	b := &batch{render: s.render, have: o.Current(), passwords: o.passwords, made: map[string]passwordDigest{}, failed: map[string]error{}}
	result, err := o.Commit(b.entries(items))
	if err == nil && b.lacks(result.Missing) {
		// Files that were left as they are turn out to be gone or damaged, and their content is at hand.
		warnings := result.Warnings
		result, err = o.Commit(b.entries(items))
		result.Warnings = append(warnings, result.Warnings...)
	}
	if err != nil {
		return certsync.Committed{}, err
	}
	maps.Copy(o.passwords, b.made)
	warnings := slices.Concat(o.warnings, result.Warnings)
	o.warnings = nil
	return certsync.Committed{Changed: result.Changed, Missing: result.Missing, Failed: b.failed, Warnings: warnings}, nil
}

// batch turns items into a store's entries.
type batch struct {
	render renderer
	have   map[string]store.Installed
	// passwords are those of the keystores that the store has, made of those that it is to have.
	passwords, made map[string]passwordDigest
	failed          map[string]error
	// held are the LinkNames of items that have content but were left as they are.
	held []string
}

func (b *batch) entries(items []certsync.Item) []store.Entry {
	b.held = nil
	entries := make([]store.Entry, 0, len(items))
	for _, item := range items {
		link := item.Certificate.LinkName
		e, err := b.entry(item)
		if err == nil {
			entries = append(entries, e)
			continue
		}
		b.failed[link] = err
		entries = append(entries, b.kept(item.Certificate))
	}
	return entries
}

// kept is the entry of whatever the store has under a certificate's link, for everyone who may read it now.
func (b *batch) kept(c contract.Certificate) store.Entry {
	e := store.Entry{FileName: c.FileName(), LinkName: c.LinkName, KeepAccess: true}
	if have, ok := b.have[c.LinkName]; ok {
		e.FileName, e.Version, e.Leaf = have.FileName, have.Version, have.Leaf
	}
	return e
}

func (b *batch) entry(item certsync.Item) (store.Entry, error) {
	link := item.Certificate.LinkName
	if item.Version == "" {
		return b.kept(item.Certificate), nil
	}
	who, err := access(item.Certificate)
	if err != nil {
		return store.Entry{}, err
	}
	e := store.Entry{FileName: item.FileName, LinkName: link, Version: item.Version, Leaf: store.Leaf(item.Leaf), Access: who}
	if item.Content == nil {
		return e, nil
	}
	password, digest, err := b.render.password(item.Certificate)
	if err != nil {
		return store.Entry{}, err
	}
	have, ok := b.have[link]
	if ok && have.FileName == item.FileName && have.Version == item.Version &&
		slices.Equal(have.Formats, item.Certificate.Formats) && b.passwords[link] == digest {
		b.held = append(b.held, link)
		return e, nil
	}
	if e.Files, err = files(item.Content.(*material), item.Certificate.Formats, password); err != nil {
		return store.Entry{}, err
	}
	b.made[link] = digest
	return e, nil
}

// lacks says whether one of the missing links could be written, and sees to it that the next entries do.
func (b *batch) lacks(missing []string) bool {
	lacks := false
	for _, link := range missing {
		if slices.Contains(b.held, link) {
			delete(b.have, link)
			lacks = true
		}
	}
	return lacks
}
