// Package pki creates the emulator's keys and certificates: the CA of its https
// names, the CA hierarchy of the certificates that vaults issue, and their
// encodings.
//
// It guarantees that two keys asked for one after the other differ when the
// caller says so. It reuses RSA keys within the process, since making them is slow:
// nothing that it makes may be used outside of a test.
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

// KeyType is one of the kinds of keys that Key Vault makes.
type KeyType string

// The key types.
const (
	ECP256  KeyType = "EC-P256"
	ECP384  KeyType = "EC-P384"
	RSA2048 KeyType = "RSA-2048"
	RSA4096 KeyType = "RSA-4096"
)

// rsaPoolSize is how many RSA keys of one size the process makes at most: two,
// so that a renewal has another one.
const rsaPoolSize = 2

var rsaPools = map[KeyType]*rsaPool{
	RSA2048: {bits: 2048},
	RSA4096: {bits: 4096},
}

// NewKey returns a key of type t (EC-P256 when empty) that is not previous, which
// may be nil. EC keys are always new.
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

// CheckKeyType says whether NewKey knows t, without making a key.
func CheckKeyType(t KeyType) error {
	if _, ok := rsaPools[t]; ok || t == "" || t == ECP256 || t == ECP384 {
		return nil
	}
	return fmt.Errorf("unknown key type %q (want %s, %s, %s or %s)", t, ECP256, ECP384, RSA2048, RSA4096)
}

// rsaPool hands out its keys in turn and creates one when the pool is empty.
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
