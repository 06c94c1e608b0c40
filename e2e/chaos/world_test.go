package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// files returns a world without a sandbox, and the right files of two versions.
func files(t *testing.T) (*world, [2][]byte) {
	t.Helper()
	w := &world{
		base: time.Now().Truncate(time.Second).Add(time.Hour), names: []string{"c"},
		newest: map[string]int{"c": 2}, verified: map[string]int{},
	}
	e, err := azure.New(azure.Options{Config: azure.Config{Vaults: []azure.Vault{{Host: testVault, Tenant: "t"}}}})
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(e.IssuerRootPEM())
	if w.root, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	var texts [2][]byte
	for i := range texts {
		v, err := e.CreateCertificate(t.Context(), azure.Certificate{
			Vault: testVault, Name: "c", NotAfter: w.base.Add(time.Duration(i+1) * time.Second), Encoding: azure.PEMEncoded,
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := e.Confidential(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: c.Keys[i]})
		texts[i] = append([]byte(v.ChainPEM), key...)
	}
	return w, texts
}

// The readers would notice each way in which a file can be wrong.
func TestVerify(t *testing.T) {
	w, texts := files(t)
	for i, text := range texts {
		for range 2 { // the second time from memory
			if version, err := w.verify(text); err != nil || version != i+1 {
				t.Errorf("version %d: got %d, %v", i+1, version, err)
			}
		}
	}
	const begin = "-----BEGIN "
	parts := bytes.SplitAfter(texts[0], []byte("-----END CERTIFICATE-----\n"))
	other := bytes.SplitAfter(texts[1], []byte("-----END CERTIFICATE-----\n"))
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"empty":            {nil, "torn"},
		"half":             {texts[0][:len(texts[0])/2], "torn"},
		"without end":      {texts[0][:len(texts[0])-5], "torn"},
		"two files":        {append(bytes.Clone(texts[0]), texts[1]...), "torn"},
		"key of another":   {bytes.Join([][]byte{parts[0], parts[1], parts[2], other[3]}, nil), "does not match"},
		"leaf of another":  {bytes.Join([][]byte{other[0], parts[1], parts[2], parts[3]}, nil), "does not match"},
		"without a link":   {bytes.Join([][]byte{parts[0], parts[2], parts[3]}, nil), "the chain has 2"},
		"wrong order":      {bytes.Join([][]byte{parts[0], parts[2], parts[1], parts[3]}, nil), "not signed by the next"},
		"key only":         {parts[3], "no certificate"},
		"no key":           {bytes.Join(parts[:3], nil), "torn"},
		"not a key":        {bytes.Join([][]byte{parts[0], parts[1], parts[2], []byte(begin + "PRIVATE KEY-----\n" + base64.StdEncoding.EncodeToString([]byte("x")) + "\n-----END PRIVATE KEY-----\n")}, nil), "torn: the key"},
		"a flipped letter": {bytes.Replace(texts[0], parts[0][200:201], []byte("#"), 1), ""},
	} {
		if _, err := w.verify(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	w.newest["c"] = 1
	w.verified = map[string]int{}
	if _, err := w.verify(texts[1]); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("got %v", err)
	}
}

// What a reader sees is judged by the phase.
func TestJudge(t *testing.T) {
	w, texts := files(t)
	for name, c := range map[string]struct {
		phase phase
		reads []int // versions; 0 for a missing file
		want  int   // violations
	}{
		"renewal":             {phase{}, []int{0, 1, 1, 2}, 0},
		"goes back":           {phase{}, []int{2, 1}, 1},
		"goes missing":        {phase{}, []int{1, 0, 1}, 1},
		"not there yet":       {phase{ready: notReady}, []int{0, 0}, 0},
		"ready without files": {phase{ready: isReady}, []int{0}, 1},
		"stays":               {phase{versions: map[string]int{"c": 1}}, []int{1, 1}, 0},
		"does not stay":       {phase{versions: map[string]int{"c": 1}}, []int{1, 2}, 1},
	} {
		s := &subject{t: &trial{ledger: &ledger{}, ended: func() bool { return false }}, world: w, seen: map[string]int{}, phase: c.phase}
		for _, version := range c.reads {
			if version == 0 {
				s.judge(c.phase, "c", "c", nil, fs.ErrNotExist)
			} else {
				s.judge(c.phase, "c", "c", texts[version-1], nil)
			}
		}
		if s.t.violations != c.want {
			t.Errorf("%s: %d violations, want %d: %q", name, s.t.violations, c.want, s.t.shown)
		}
	}
	s := &subject{t: &trial{ledger: &ledger{}, ended: func() bool { return false }}, world: w, seen: map[string]int{}}
	s.judge(phase{}, "c", "c", nil, errors.New("input/output error"))
	if s.t.violations != 1 {
		t.Error("an error before the first sync is not a violation")
	}
}
