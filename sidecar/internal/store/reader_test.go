package store

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// realPEM is a self-signed certificate whose serial number is the version, and its key.
func realPEM(t *testing.T, version int) []byte {
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
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
}

// checkReads reads as an application does: the key must belong to the leaf, and two certificates of one
// generation, and the link and what it leads to, must be of the same version.
func checkReads(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "v.a"))
	if err != nil {
		return err
	}
	if _, err := tls.X509KeyPair(data, data); err != nil {
		return fmt.Errorf("key and leaf: %w", err)
	}
	data, err = os.ReadFile(filepath.Join(dir, "v.b.d", "tls.crt"))
	if err != nil {
		return err
	}
	if _, err := tls.X509KeyPair(data, data); err != nil {
		return fmt.Errorf("key and leaf: %w", err)
	}
	return nil
}

// checkGeneration holds a generation open, as a reader of several files does, and checks that it is of one version.
func checkGeneration(dir string) error {
	generation, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil {
		return err
	}
	versions := make(map[string]bool)
	link, err := os.Readlink(filepath.Join(dir, generation, "v.a"))
	if err != nil {
		return err
	}
	versions[link[len("v.a."):]] = true
	for _, name := range []string{"v.a", "v.b", "v.b.d/tls.crt"} {
		data, err := os.ReadFile(filepath.Join(dir, generation, name))
		if err != nil {
			return err
		}
		pair, err := tls.X509KeyPair(data, data)
		if err != nil {
			return fmt.Errorf("key and leaf: %w", err)
		}
		versions[pair.Leaf.SerialNumber.String()] = true
	}
	if len(versions) != 1 {
		return fmt.Errorf("one generation has versions %v", versions)
	}
	return nil
}

// TestReadersDuringSwaps: no reader sees a missing, torn or mixed state, however many swaps there are.
func TestReadersDuringSwaps(t *testing.T) {
	const swaps, readers, kinds = 400, 4, 5
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	s.grace = readerGrace
	var pems [kinds][]byte
	for i := range pems {
		pems[i] = realPEM(t, i+1)
	}
	entries := func(i int) []Entry {
		a, b := pemEntry("v.a", strconv.Itoa(i+1)), pemEntry("v.b", strconv.Itoa(i+1))
		a.Files.PEM, b.Files.PEM = pems[i], pems[i]
		b.Files.Split = map[string][]byte{"tls.crt": pems[i]}
		return []Entry{a, b}
	}
	mustCommit(t, s, entries(0)...)

	var stop atomic.Bool
	var reads atomic.Int64
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for !stop.Load() {
				if err := checkReads(dir); err != nil {
					t.Errorf("after %d reads: %v", reads.Load(), err)
					return
				}
				reads.Add(1)
			}
		})
	}
	for i := range swaps {
		mustCommit(t, s, entries((i+1)%kinds)...)
		if err := checkGeneration(dir); err != nil {
			t.Errorf("after %d swaps: %v", i, err)
		}
	}
	stop.Store(true)
	group.Wait()
	if reads.Load() < swaps/10 {
		t.Errorf("only %d reads", reads.Load())
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

// TestWatchersSeeOneEvent: a program that watches the directory, as for a volume of Kubernetes, sees
// exactly one IN_MOVED_TO, on "..data", and by then finds the new file.
func TestWatchersSeeOneEvent(t *testing.T) {
	dir := memoryDir(t)
	s := mustOpen(t, dir)
	mustCommit(t, s, pemEntry("v.a", "1"), pemEntry("v.b", "1"))
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_ALL_EVENTS); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, pemEntry("v.a", "1"), pemEntry("v.b", "1"))
	if moved := movedTo(t, fd); len(moved) != 0 {
		t.Errorf("nothing changed, but a watcher sees %q", moved)
	}
	mustCommit(t, s, pemEntry("v.a", "2"), pemEntry("v.b", "2"), pemEntry("v.c", "1"))
	if moved := movedTo(t, fd); len(moved) != 1 || moved[0] != dataLink {
		t.Errorf("a watcher sees %q move in, want one %s", moved, dataLink)
	}
}

func movedTo(t *testing.T, fd int) (names []string) {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := unix.Read(fd, buf)
	if err == unix.EAGAIN {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for events := buf[:n]; len(events) > 0; {
		// struct inotify_event: wd, mask, cookie, len, name (inotify(7)).
		mask, size := binary.NativeEndian.Uint32(events[4:]), binary.NativeEndian.Uint32(events[12:])
		name := string(bytes.TrimRight(events[16:16+size], "\x00"))
		if mask&unix.IN_MOVED_TO != 0 {
			names = append(names, name)
		}
		events = events[16+size:]
	}
	return names
}
