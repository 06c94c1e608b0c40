package bundle_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

var update = flag.Bool("update", false, "write the seed corpora of the fuzz targets")

// The seeds of FuzzPEM and FuzzPKCS12 are in testdata/fuzz, which TestSeeds writes, and in
// testdata/vectors and testdata/tolerated.
func FuzzPEM(f *testing.F) {
	for _, pattern := range []string{"vectors/*.pem", "tolerated/*.pem"} {
		for _, value := range vectors(f, pattern) {
			f.Add(string(value))
		}
	}
	f.Fuzz(func(t *testing.T, value string) { checkParse(t, value, keysInPEM(value)) })
}

func FuzzPKCS12(f *testing.F) {
	for _, der := range vectors(f, "vectors/openssl-*.p12") { // key derivation takes a second for those of certtool
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) { checkParse(t, base64.StdEncoding.EncodeToString(der), nil) })
}

func vectors(f *testing.F, pattern string) (contents [][]byte) {
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatal("no vectors", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		contents = append(contents, content)
	}
	return contents
}

// checkParse checks what the comment of Parse promises: a typed error that contains no part of a
// key, or a bundle that can be encoded in every format and parses to the same bundle again.
func checkParse(t *testing.T, value string, keys [][]byte) {
	b, err := bundle.Parse(value, "")
	if err != nil {
		var e *bundle.Error
		if !errors.As(err, &e) || e.Problem == "" || e.Remedy == "" {
			t.Fatalf("got error %#v, want an *Error with a problem and a remedy", err)
		}
		for _, key := range keys {
			checkNoLeak(t, e.Error(), key)
		}
		return
	}
	checkBundle(t, b)
}

// checkBundle checks what the package comment promises about a bundle.
func checkBundle(t *testing.T, b *bundle.Bundle) {
	t.Helper()
	chain := b.Chain()
	if len(chain)+b.Dropped > bundle.MaxCertificates {
		t.Errorf("%d certificates in the chain and %d dropped, more than the limit", len(chain), b.Dropped)
	}
	for i, c := range chain[1:] {
		if !bundle.SameName(c.RawSubject, chain[i].RawIssuer) {
			t.Errorf("certificate %d did not issue certificate %d", i+1, i)
		}
	}
	again, err := bundle.Parse(string(b.PEM()), "")
	if err != nil {
		t.Fatalf("the PEM output cannot be parsed: %v", err)
	}
	if !bytes.Equal(again.PEM(), b.PEM()) || again.Fingerprint() != b.Fingerprint() || again.Dropped != 0 {
		t.Error("the PEM output parses to a different bundle")
	}
	if len(b.Split()[bundle.SplitKey]) == 0 {
		t.Error("the split files contain no key")
	}
	for _, encode := range []func(string) ([]byte, error){b.PKCS12, b.JKS} {
		if _, err := encode("changeit"); err != nil {
			t.Errorf("cannot encode a keystore: %v", err)
		}
	}
}

func keysInPEM(value string) (keys [][]byte) {
	rest := []byte(value)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return keys
		}
		if strings.Contains(block.Type, "KEY") {
			keys = append(keys, block.Bytes)
		}
	}
}

// TestSeeds checks that the seeds of both fuzz targets are committed. With -update it creates new
// ones from throw-away keys.
func TestSeeds(t *testing.T) {
	chain := chainOf(t, 2)
	leaf := chain[0]
	odd := edited(t, leaf, chain[1].key.(*ecdsa.PrivateKey), refused["negative serial"])
	ed := certify(t, "leaf", edKey(t), chain[1], notCA)
	decode := func(value string) []byte {
		der, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	seeds := map[string]map[string]any{
		"FuzzPEM": {
			"chain":     pemOf(leaf.key, chain[3], chain[2], chain[1], leaf),
			"ed25519":   pemOf(ed, ed.key, chain[1]),
			"no-key":    pemOf(leaf, chain[1]),
			"encrypted": pemOf(leaf, &pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte{1}}),
			"cut-off":   pemOf(leaf, leaf.key)[:700],
			"plain":     "hunter2",
		},
		"FuzzPKCS12": {
			"aes":          decode(p12(t, pkcs12.Modern2023, "", leaf.key, reversed(chain)...)),
			"des":          decode(p12(t, pkcs12.LegacyDES, "", leaf.key, leaf, chain[1])),
			"rc2":          decode(p12(t, pkcs12.LegacyRC2, "", leaf.key, leaf)),
			"pbmac1":       decode(p12(t, pkcs12.Modern2026, "", leaf.key, leaf)),
			"plain":        decode(p12(t, pkcs12.Passwordless, "", leaf.key, leaf, chain[1])),
			"no-key":       decode(trustStore(t, pkcs12.Modern2023, leaf, chain[1])),
			"no-key-plain": decode(trustStore(t, pkcs12.Passwordless, leaf)),
			"refused":      decode(rawP12(t, pkcs12.LegacyDES, leaf.key, odd.Bytes, chain[1].cert.Raw)),
			"password":     decode(p12(t, pkcs12.LegacyRC2, "x", leaf.key, leaf)),
		},
	}
	for target, corpus := range seeds {
		for name, value := range corpus {
			path := filepath.Join("testdata", "fuzz", target, name)
			if *update {
				text := fmt.Sprintf("go test fuzz v1\n%T(%q)\n", value, value)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(strings.Replace(text, "[]uint8", "[]byte", 1)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%v; create it with -update", err)
			}
		}
	}
}
