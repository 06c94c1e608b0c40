package winstore

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"sync"

	"golang.org/x/sys/windows"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// Stores is a certsync.Stores. A store stays locked against other processes from its first use
// until the process ends.
type Stores[C any] struct {
	mu     sync.Mutex
	bundle func(*C) (*bundle.Bundle, error)
	locks  map[string]windows.Handle
}

// New returns Stores that install the bundle of a content.
func New[C any](bundle func(*C) (*bundle.Bundle, error)) *Stores[C] {
	return &Stores[C]{bundle: bundle, locks: map[string]windows.Handle{}}
}

// open opens a store that no other process uses, and reads it.
func (s *Stores[C]) open(name string) (*systemStore, []installed, error) {
	if s.locks[name] == 0 {
		handle, err := lock(name)
		if err != nil {
			return nil, nil, &Error{Store: name, Op: "lock", Err: err}
		}
		s.locks[name] = handle
	}
	store, err := openStore(name)
	if err != nil {
		return nil, nil, err
	}
	list, err := store.list()
	if err != nil {
		return nil, nil, errors.Join(err, store.close())
	}
	return store, list, nil
}

// InPlace implements certsync.Stores. Nobody mounts over a store of Windows, and the next Commit
// finds what was removed from it.
func (s *Stores[C]) InPlace(string) bool { return true }

// Current implements certsync.Stores. It leaves out certificates whose private key is missing. The
// error is an *Error.
func (s *Stores[C]) Current(name string) (map[string]certsync.Installed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	store, list, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer release(list)
	current := map[string]certsync.Installed{}
	for _, in := range list {
		if in.own && in.Sequence == newest(list, in.Certificate).Sequence && hasKey(in.context) {
			current[in.Certificate] = certsync.Installed{FileName: in.Certificate, Version: in.Version, Leaf: leaf(in.context)}
		}
	}
	return current, store.close()
}

// newest returns the mark of the current version of a certificate.
func newest(list []installed, certificate string) mark {
	var m mark
	for _, in := range list {
		if in.own && in.Certificate == certificate && in.Sequence > m.Sequence {
			m = in.mark
		}
	}
	return m
}

// leaf describes a certificate; the zero value if Go cannot read it.
func leaf(c *windows.CertContext) certsync.Leaf {
	der := encoded(c)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return certsync.Leaf{}
	}
	digest := sha256.Sum256(der)
	return certsync.Leaf{Fingerprint: hex.EncodeToString(digest[:]), NotBefore: parsed.NotBefore, NotAfter: parsed.NotAfter}
}

// Commit implements certsync.Stores, except that certificates change one after the other, and that
// certificates without an item stay. The error is an *Error; errors of single items are in Failed.
func (s *Stores[C]) Commit(name string, items []certsync.Item[C]) (certsync.Committed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	store, list, err := s.open(name)
	if err != nil {
		return certsync.Committed{}, err
	}
	u := &update{store: store, list: list, result: certsync.Committed{Failed: map[string]error{}}}
	for _, item := range items {
		if item.Version == "" {
			continue // no version is known yet
		}
		c := change{Certificate: item.Certificate, version: item.Version}
		if item.Content != nil {
			c.content = func() (*bundle.Bundle, error) { return s.bundle(item.Content) }
		}
		if err := u.apply(c); err != nil {
			u.result.Failed[item.Certificate.LinkName] = err
		}
	}
	release(u.list)
	if u.result.Changed {
		err = store.flush()
	}
	if err := errors.Join(err, store.close()); err != nil {
		return certsync.Committed{}, err
	}
	return u.result, nil
}
