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
	"testing/synctest"
	"time"
)

// pair is a self-signed certificate whose serial number is its version, and its key. Both parts are as bytes in PEM;
// that they belong together is found out once, when it is made, so that a reader who finds the two of one pair has
// verified the key against the leaf.
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

// pairs are the versions that are swapped, from 1 on.
type pairs []pair

// version finds out of which version the certificate and the key are, and that it is the same.
func (p pairs) version(cert, key []byte) (int, error) {
	for i, known := range p {
		if bytes.Equal(cert, known.cert) {
			if !bytes.Equal(key, known.key) {
				return 0, fmt.Errorf("the key does not belong to the leaf of version %d", i+1)
			}
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("a torn file: %d bytes of certificate, %d of key", len(cert), len(key))
}

// entries are two certificates of one version; the second one has its parts in files of their own, too.
func (p pairs) entries(version int) []Entry {
	a, b := pemEntry("v.a", strconv.Itoa(version)), pemEntry("v.b", strconv.Itoa(version))
	known := p[version-1]
	a.Files.PEM = bytes.Join([][]byte{known.cert, known.key}, nil)
	b.Files.PEM, b.Files.Split = a.Files.PEM, map[string][]byte{"tls.crt": known.cert, "tls.key": known.key}
	return []Entry{a, b}
}

// byPath reads as an application does that opens a file by its path: the key must belong to the leaf, and what the link
// led to, by the file's own name, must have the version that the name says.
func (p pairs) byPath(dir string) error {
	for _, link := range []string{"v.a", "v.b"} {
		f, err := os.Open(filepath.Join(dir, link))
		if err != nil {
			return err
		}
		data, err := io.ReadAll(f)
		name, linkErr := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		f.Close() // nothing was written through it
		if err != nil || linkErr != nil {
			return fmt.Errorf("%w, %w", err, linkErr)
		}
		// Its generation may be gone by now.
		if err := p.check(data, strings.TrimSuffix(filepath.Base(name), " (deleted)")); err != nil {
			return err
		}
	}
	return nil
}

// check compares a PEM file with its name.
func (p pairs) check(data []byte, name string) error {
	end := bytes.Index(data, []byte("-----BEGIN PRIVATE KEY"))
	if end < 0 {
		return fmt.Errorf("a torn file: %d bytes without a key", len(data))
	}
	version, err := p.version(data[:end], data[end:])
	if want := "." + strconv.Itoa(version); err == nil && !strings.HasSuffix(name, want) {
		err = fmt.Errorf("%s has version %d", name, version)
	}
	return err
}

// resolved reads as an application does that follows "..data" once, to get files that belong together: everything is there,
// and of one version.
func (p pairs) resolved(dir string) error {
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
	cert, err := os.ReadFile(filepath.Join(dir, "v.b.d/tls.crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(dir, "v.b.d/tls.key"))
	if err != nil {
		return err
	}
	version, err := p.version(cert, key)
	if err == nil && a != versioned("v.a", strconv.Itoa(version)) {
		err = fmt.Errorf("one generation has %s and version %d", a, version)
	}
	return err
}

// swapping is a store that is swapped while readers read.
type swapping struct {
	dir     string
	readers []*reader

	mu      sync.Mutex
	changed *sync.Cond // swaps or a reader's began
	swaps   int
}

func newSwapping(dir string) *swapping {
	s := &swapping{dir: dir}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// reader counts its reads, and those that were torn, mixed or found nothing.
type reader struct {
	read         func(dir string) error
	began        int // after how many swaps its latest read began
	reads, wrong int
	first        error
}

// run reads once for every swap, while the next one is made or up to maxLeaving later, until there were so many.
func (s *swapping) run(r *reader, swaps int) {
	for s.next(r) < swaps {
		if err := r.read(s.dir); err != nil {
			r.first = cmp.Or(r.first, err)
			r.wrong++
		}
		r.reads++
	}
}

// next returns when there was another swap since a reader's latest read, and after how many swaps the next read begins.
func (s *swapping) next(r *reader) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r.began == s.swaps {
		s.changed.Wait()
	}
	r.began = s.swaps
	s.changed.Broadcast()
	return r.began
}

// swap makes the next swap, once it removes nothing that a reader may be on its way through: a replaced generation stays
// for seconds, but here they are swapped a thousand times a second, and the store keeps so many only.
func (s *swapping) swap(commit func()) {
	s.mu.Lock()
	for slices.ContainsFunc(s.readers, func(r *reader) bool { return r.began+maxLeaving <= s.swaps }) {
		s.changed.Wait()
	}
	s.mu.Unlock()
	commit()
	s.mu.Lock()
	s.swaps++
	s.changed.Broadcast()
	s.mu.Unlock()
}

// TestReadersDuringSwaps: no reader sees a missing, torn or mixed state, however many swaps there are. Files are in
// memory, as in a pod.
func TestReadersDuringSwaps(t *testing.T) {
	const swaps, versions = 10_000, 5
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	s.grace = readerGrace
	var known pairs
	for i := range versions {
		known = append(known, newPair(t, i+1))
	}
	mustCommit(t, s, known.entries(1)...)

	run := newSwapping(dir)
	for range 4 {
		run.readers = append(run.readers, &reader{read: known.byPath}, &reader{read: known.resolved})
	}
	var group sync.WaitGroup
	for _, r := range run.readers {
		group.Go(func() { run.run(r, swaps) })
	}
	for i := range swaps {
		run.swap(func() { mustCommit(t, s, known.entries((i+1)%versions+1)...) })
	}
	group.Wait()
	for i, r := range run.readers {
		if r.wrong > 0 {
			t.Errorf("reader %d: %d of %d reads are wrong; the first one: %v", i, r.wrong, r.reads, r.first)
		}
		if r.reads < swaps/maxLeaving {
			t.Errorf("reader %d read %d times only", i, r.reads)
		}
		t.Logf("reader %d: %d reads", i, r.reads)
	}
	wantClean(t, dir, 1+maxLeaving)
}

func TestReplacedGenerationsStayForReaders(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	s.grace = readerGrace
	synctest.Test(t, func(t *testing.T) {
		mustCommit(t, s, pemEntry("v.a", "1"))
		followed, err := filepath.EvalSymlinks(filepath.Join(dir, "v.a"))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			mustCommit(t, s, pemEntry("v.a", "2"))
			if data, err := os.ReadFile(followed); err != nil || string(data) != "pem of v.a 1\n" {
				t.Errorf("a reader on its way found %q, %v", data, err)
			}
			time.Sleep(readerGrace - time.Second)
		}
		time.Sleep(time.Second)
		mustCommit(t, s, pemEntry("v.a", "2"))
		wantClean(t, dir, 1)
		for version := range 3 * maxLeaving {
			mustCommit(t, s, pemEntry("v.a", strconv.Itoa(version)))
		}
		wantClean(t, dir, 1+maxLeaving)
	})
}
