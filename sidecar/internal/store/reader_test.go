package store

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// pair is a self-signed certificate, with its version as serial number, and its key, both as PEM.
// newPair checks once that the key matches the certificate, so that readers only need to compare
// bytes.
type pair struct{ cert, key []byte }

func newPair(t *testing.T, version int) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(version)), NotAfter: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := pair{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}
	if _, err := tls.X509KeyPair(p.cert, p.key); err != nil {
		t.Fatal(err)
	}
	return p
}

// pairs are the versions that are swapped, beginning with version 1.
type pairs []pair

// version returns the version of the certificate, and an error if the key has a different version.
func (p pairs) version(cert, key []byte) (int, error) {
	for i, known := range p {
		if bytes.Equal(cert, known.cert) {
			if !bytes.Equal(key, known.key) {
				return 0, fmt.Errorf("the key does not match the leaf of version %d", i+1)
			}
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("incomplete file: %d bytes of certificate, %d of key", len(cert), len(key))
}

// entries returns two certificates of the same version. The second one also has the formats split
// and keyid.
func (p pairs) entries(version int) []Entry {
	a, b := pemEntry("v.a", strconv.Itoa(version)), pemEntry("v.b", strconv.Itoa(version))
	known := p[version-1]
	a.Files.PEM = bytes.Join([][]byte{known.cert, known.key}, nil)
	b.Files.PEM, b.Files.Split = a.Files.PEM, map[string][]byte{"tls.crt": known.cert, "tls.key": known.key}
	b.Files.KeyID = map[string][]byte{SuffixChain: known.cert, SuffixKey: known.key}
	return []Entry{a, b}
}

// readByPath reads like an application that opens a file by its path. The key must match the leaf,
// and the version must match the name of the file that the link leads to.
func (p pairs) readByPath(dir string) error {
	for _, link := range []string{"v.a", "v.b"} {
		f, err := os.Open(filepath.Join(dir, link))
		if err != nil {
			return err
		}
		data, err := io.ReadAll(f)
		name, linkErr := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		f.Close() // only read, so an error does not matter
		if err != nil || linkErr != nil {
			return fmt.Errorf("%w, %w", err, linkErr)
		}
		// The kernel adds the suffix if the generation was removed since.
		if err := p.check(data, strings.TrimSuffix(filepath.Base(name), " (deleted)")); err != nil {
			return err
		}
	}
	return nil
}

// check compares the version in a PEM file with the version in its name.
func (p pairs) check(data []byte, name string) error {
	end := bytes.Index(data, []byte("-----BEGIN PRIVATE KEY"))
	if end < 0 {
		return fmt.Errorf("incomplete file: %d bytes without a key", len(data))
	}
	version, err := p.version(data[:end], data[end:])
	if want := "." + strconv.Itoa(version); err == nil && !strings.HasSuffix(name, want) {
		err = fmt.Errorf("%s contains version %d", name, version)
	}
	return err
}

// readGeneration reads like an application that resolves "..data" once to get consistent files. All
// files must exist and have the same version.
func (p pairs) readGeneration(dir string) error {
	generation, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, generation)
	a, err := os.Readlink(filepath.Join(dir, "v.a"))
	if err != nil {
		return err
	}
	for _, name := range []string{"v.a", "v.b"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := p.check(data, a); err != nil {
			return err
		}
	}
	for _, names := range [][2]string{{"v.b.d/tls.crt", "v.b.d/tls.key"}, {"v.b" + SuffixChain, "v.b" + SuffixKey}} {
		version, err := p.readPair(filepath.Join(dir, names[0]), filepath.Join(dir, names[1]))
		if err == nil && a != versioned("v.a", strconv.Itoa(version)) {
			err = fmt.Errorf("the same generation contains %s and version %d", a, version)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p pairs) readPair(certPath, keyPath string) (version int, err error) {
	cert, err := os.ReadFile(certPath)
	if err != nil {
		return 0, err
	}
	key, err := os.ReadFile(keyPath)
	if err != nil {
		return 0, err
	}
	return p.version(cert, key)
}

// readView reads like an application that treats the directory of the split format like a
// Kubernetes Secret volume: it resolves its "..data" once.
func (p pairs) readView(dir string) error {
	dir, err := filepath.EvalSymlinks(filepath.Join(dir, "v.b.d", dataLink))
	if err != nil {
		return err
	}
	_, err = p.readPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	return err
}

// swapTest is a store that is swapped while readers read.
type swapTest struct {
	dir     string
	readers []*reader

	mu      sync.Mutex
	changed *sync.Cond // signals a change of swaps or of a reader's began
	swaps   int
}

func newSwapTest(dir string) *swapTest {
	s := &swapTest{dir: dir}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// reader counts its reads, and the reads that failed: files were missing, incomplete or
// inconsistent.
type reader struct {
	read          func(dir string) error
	began         int // number of swaps before the latest read began
	reads, failed int
	first         error // the first failure
}

// run reads once per swap until the number of swaps is reached. A read overlaps with the next swap,
// and with at most maxReplaced swaps.
func (s *swapTest) run(r *reader, swaps int) {
	for s.next(r) < swaps {
		if err := r.read(s.dir); err != nil {
			r.first = cmp.Or(r.first, err)
			r.failed++
		}
		r.reads++
	}
}

// next waits for another swap since the reader's latest read, and returns the number of swaps.
func (s *swapTest) next(r *reader) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r.began == s.swaps {
		s.changed.Wait()
	}
	r.began = s.swaps
	s.changed.Broadcast()
	return r.began
}

// swap makes the next swap as soon as it cannot remove a generation that a reader may be using.
// Replaced generations stay for seconds, but this test swaps a thousand times per second, and the
// store keeps only maxReplaced of them.
func (s *swapTest) swap(commit func()) {
	s.mu.Lock()
	for slices.ContainsFunc(s.readers, func(r *reader) bool { return r.began+maxReplaced <= s.swaps }) {
		s.changed.Wait()
	}
	s.mu.Unlock()
	commit()
	s.mu.Lock()
	s.swaps++
	s.changed.Broadcast()
	s.mu.Unlock()
}

// TestReadersDuringSwaps checks that no reader sees missing, incomplete or inconsistent files, even
// with thousands of swaps. The files are in memory, as in a pod.
func TestReadersDuringSwaps(t *testing.T) {
	const swaps, versions = 10_000, 5
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	s.gracePeriod = readerGracePeriod
	var known pairs
	for i := range versions {
		known = append(known, newPair(t, i+1))
	}
	mustCommit(t, s, known.entries(1)...)

	run := newSwapTest(dir)
	for range 4 {
		run.readers = append(run.readers, &reader{read: known.readByPath}, &reader{read: known.readGeneration})
	}
	run.readers = append(run.readers, &reader{read: known.readView})
	var group sync.WaitGroup
	for _, r := range run.readers {
		group.Go(func() { run.run(r, swaps) })
	}
	for i := range swaps {
		run.swap(func() { mustCommit(t, s, known.entries((i+1)%versions+1)...) })
	}
	group.Wait()
	for i, r := range run.readers {
		if r.failed > 0 {
			t.Errorf("reader %d: %d of %d reads failed; the first failure: %v", i, r.failed, r.reads, r.first)
		}
		if r.reads < swaps/maxReplaced {
			t.Errorf("reader %d: only %d reads", i, r.reads)
		}
		t.Logf("reader %d: %d reads", i, r.reads)
	}
	wantClean(t, dir, 1+maxReplaced)
}
