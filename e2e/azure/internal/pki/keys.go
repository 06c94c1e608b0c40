// Package pki creates the emulator's keys and certificates: the CA of its https
// names, the CA hierarchy of the certificates that vaults issue, and their
// encodings.
//
// It guarantees that a new key differs from the previous one if the caller requests that. It reuses
// RSA keys in the process, because creating them is slow. So use the keys only in tests.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
)

// KeyType is one of Key Vault's key types.
type KeyType string

// The key types.
const (
	ECP256  KeyType = "EC-P256"
	ECP384  KeyType = "EC-P384"
	RSA2048 KeyType = "RSA-2048"
	RSA4096 KeyType = "RSA-4096"
)

// rsaPoolSize is the maximum number of RSA keys of one size in the process: two, so that a renewal
// gets a different key.
const rsaPoolSize = 2

var rsaPools = map[KeyType]*rsaPool{
	RSA2048: {bits: 2048},
	RSA4096: {bits: 4096},
}

// NewKey returns a key of type t (EC-P256 if empty) that differs from previous, which may be nil.
// EC keys are always new.
func NewKey(t KeyType, previous crypto.Signer) (crypto.Signer, error) {
	switch t {
	case "", ECP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	}
	pool, ok := rsaPools[t]
	if !ok {
		return nil, fmt.Errorf("unknown key type %q (want %s, %s, %s or %s)", t, ECP256, ECP384, RSA2048, RSA4096)
	}
	return pool.take(previous)
}

// CheckKeyType returns an error if NewKey does not know t. It does not create a key.
func CheckKeyType(t KeyType) error {
	if _, ok := rsaPools[t]; ok || t == "" || t == ECP256 || t == ECP384 {
		return nil
	}
	return fmt.Errorf("unknown key type %q (want %s, %s, %s or %s)", t, ECP256, ECP384, RSA2048, RSA4096)
}

// rsaPool returns its keys in turn. It creates a key if each of them is the previous one, or if it
// is empty.
type rsaPool struct {
	bits int

	mu   sync.Mutex
	keys []*rsa.PrivateKey
	next int
}

func (p *rsaPool) take(previous crypto.Signer) (crypto.Signer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.keys {
		key := p.keys[p.next%len(p.keys)]
		p.next++
		if prev, ok := previous.(*rsa.PrivateKey); !ok || !key.Equal(prev) {
			return key, nil
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, p.bits)
	if err != nil {
		return nil, err
	}
	if len(p.keys) < rsaPoolSize {
		p.keys = append(p.keys, key)
	}
	return key, nil
}
