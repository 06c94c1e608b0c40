package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// piece is the length of what is compared. Any 31 bytes of a key or token that appear together are
// found, since they contain a whole piece.
const piece = 16

// scanner searches texts for the keys and tokens of emulators. It is safe for concurrent use.
type scanner struct {
	found *ledger

	mu      sync.Mutex
	pieces  map[[piece]byte]string // to what it is a piece of
	sources []*source
	pending map[string][]byte // by where it was seen
	planted int               // keys and tokens that the self-test has found
}

// source is an emulator, and how much of its lists is known.
type source struct {
	control              azure.Control
	keys, values, tokens int
}

func newScanner() *scanner {
	return &scanner{
		found: &ledger{
			fault: "leaks", holds: "no key and no token in logs, status, metrics, environments and termination messages",
		},
		pieces: map[[piece]byte]string{}, pending: map[string][]byte{},
	}
}

// watch adds an emulator whose keys and tokens must not appear.
func (s *scanner) watch(c azure.Control) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = append(s.sources, &source{control: c})
}

// unwatch forgets an emulator that ends, after the last search and the self-test. Its keys and
// tokens are searched for all the same.
func (s *scanner) unwatch(ctx context.Context, c azure.Control) {
	s.scan(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, source := range s.sources {
		if source.control == c {
			s.found.check("self-test", s.selfTest(ctx, source))
		}
	}
	s.sources = slices.DeleteFunc(s.sources, func(known *source) bool { return known.control == c })
}

// add adds a text to search, and where it was seen.
func (s *scanner) add(where string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[where] = append(append(s.pending[where], text...), '\n')
}

// writer adds what is written to it.
func (s *scanner) writer(where string) io.Writer { return &scanned{s, where} }

type scanned struct {
	scanner *scanner
	where   string
}

// Write implements io.Writer.
func (w *scanned) Write(p []byte) (int, error) {
	w.scanner.mu.Lock()
	defer w.scanner.mu.Unlock()
	w.scanner.pending[w.where] = append(w.scanner.pending[w.where], p...)
	return len(p), nil
}

// scan searches what was added since the last time. An emulator knows a key or token before anyone
// gets it, so what was added earlier can contain nothing that is learned later.
func (s *scanner) scan(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, source := range s.sources {
		if err := s.learn(ctx, source); err != nil && ctx.Err() == nil {
			s.found.check("the emulator's keys and tokens", err)
		}
	}
	for where, text := range s.pending {
		s.found.check(where, s.search(text))
		// The end may be the beginning of a piece.
		s.pending[where] = bytes.Clone(text[max(0, len(text)-piece+1):])
	}
}

// search returns an error that names what a text contains, without repeating it.
func (s *scanner) search(text []byte) error {
	for i := 0; i+piece <= len(text); i++ {
		if what, found := s.pieces[[piece]byte(text[i:i+piece])]; found {
			return fmt.Errorf("byte %d begins a piece of %s", i, what)
		}
	}
	return nil
}

// result searches what is left, and for what it has planted. If there was nothing to search for,
// the search has shown nothing.
func (s *scanner) result() *ledger {
	ctx := context.Background()
	for _, source := range slices.Clone(s.sources) {
		s.unwatch(ctx, source.control)
	}
	if s.planted == 0 {
		s.found.check("self-test", errors.New("there was no key and no token to search for"))
	}
	return s.found
}

// learn adds the new keys and tokens of an emulator.
func (s *scanner) learn(ctx context.Context, from *source) error {
	c, err := from.control.Confidential(ctx)
	if err != nil {
		return err
	}
	for i, der := range c.Keys[from.keys:] {
		forms, err := formsOf(der)
		if err != nil {
			return err
		}
		for _, form := range forms {
			s.split(form, fmt.Sprintf("private key %d", from.keys+i))
		}
	}
	for i, value := range c.Values[from.values:] {
		// PEM contains public certificates, and its key is searched for anyway. The beginning of
		// PKCS #12 is always the same.
		if !strings.Contains(value, "-----BEGIN") {
			s.split([]byte(value[min(len(value), 128):]), fmt.Sprintf("secret value %d", from.values+i))
		}
	}
	for i, token := range c.Tokens[from.tokens:] {
		_, secret, _ := strings.Cut(token, ".") // the header is always the same
		s.split([]byte(secret), fmt.Sprintf("token %d", from.tokens+i))
	}
	from.keys, from.values, from.tokens = len(c.Keys), len(c.Values), len(c.Tokens)
	return nil
}

// split adds the pieces of a text, one after the other.
func (s *scanner) split(text []byte, what string) {
	for ; len(text) >= piece; text = text[piece:] {
		s.pieces[[piece]byte(text)] = what
	}
}

// formsOf returns the private numbers of a key as they can appear: in DER, as base64 at each
// position in a line, in hexadecimal, and in decimal, as a number is printed.
func formsOf(der []byte) (forms [][]byte, err error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	var numbers [][]byte
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		raw, err := k.Bytes()
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, raw)
		forms = append(forms, decimal(raw))
	case *rsa.PrivateKey:
		numbers = append(numbers, k.D.Bytes(), k.Precomputed.Dp.Bytes(), k.Precomputed.Dq.Bytes())
		forms = append(forms, []byte(k.D.String()))
		for _, prime := range k.Primes {
			numbers = append(numbers, prime.Bytes())
			forms = append(forms, []byte(prime.String()))
		}
	default:
		return nil, fmt.Errorf("a key of type %T", key)
	}
	for _, n := range numbers {
		forms = append(forms, n, []byte(hex.EncodeToString(n)), []byte(strings.ToUpper(hex.EncodeToString(n))))
		for skip := range 3 {
			whole := n[skip : len(n)-(len(n)-skip)%3]
			forms = append(forms, []byte(base64.StdEncoding.EncodeToString(whole)), []byte(base64.URLEncoding.EncodeToString(whole)))
		}
	}
	return forms, nil
}
