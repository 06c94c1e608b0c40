package servingcert

import (
	"crypto/x509"
	"testing"
	"time"
)

const testName = "azure-cert-sync-webhook.azure-cert-sync-system.svc"

var testStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// newTestState returns the state of a Secret that was first written at a time.
func newTestState(t *testing.T, at time.Time) state {
	t.Helper()
	s, err := state{}.replaced(at, testName)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustStage(t *testing.T, s state, at time.Time) state {
	t.Helper()
	s, err := s.staged(at, testName)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustDecide(t *testing.T, at time.Time, v view) plan {
	t.Helper()
	p, err := decide(at, testName, v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// written returns the state that a plan writes, as read at a time.
func written(t *testing.T, p plan, at time.Time) state {
	t.Helper()
	if p.write == nil {
		t.Fatal("the plan writes nothing")
	}
	s, err := readState(p.write, at, testName)
	if err != nil {
		t.Fatalf("the written state cannot be used: %v", err)
	}
	return s
}

func TestFirstCertificate(t *testing.T) {
	for name, data := range map[string]map[string][]byte{
		"no Secret":    nil,
		"empty Secret": {},
		"garbage":      {keyCert: []byte("x"), keyKey: []byte("y"), keyCA: []byte("z")},
		"expired":      newTestState(t, testStart.Add(-lifetime-time.Hour)).data(),
		"cert without key": func() map[string][]byte {
			d := newTestState(t, testStart).data()
			delete(d, keyKey)
			return d
		}(),
		"CA of another certificate": func() map[string][]byte {
			d := newTestState(t, testStart).data()
			d[keyCA] = newTestState(t, testStart).data()[keyCA]
			return d
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			p := mustDecide(t, testStart, view{secret: data})
			if p.state != nil || p.published {
				t.Errorf("got a certificate to serve, want none: %+v", p)
			}
			s := written(t, p, testStart)
			if s.current == nil || s.next != nil {
				t.Fatalf("written: current %v, next %v; want a current pair only", s.current, s.next)
			}
			if err := s.current.usable(testStart, testName, s.trusted); err != nil {
				t.Error(err)
			}
			if got := s.current.tls.Leaf.NotAfter.Sub(testStart); got != lifetime {
				t.Errorf("valid for %v, want %v", got, lifetime)
			}
		})
	}
}

func TestCertificateForAnotherServiceIsReplaced(t *testing.T) {
	s := newTestState(t, testStart)
	p, err := decide(testStart, "other.azure-cert-sync-system.svc", view{secret: s.data()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := readState(p.write, testStart, "other.azure-cert-sync-system.svc")
	if err != nil || got.current == nil {
		t.Fatalf("written: %v, %v", got.current, err)
	}
	if !contains(got.trusted, s.trusted) {
		t.Error("the CA of replicas that still serve the old name is no longer trusted")
	}
}

func TestRenewal(t *testing.T) {
	s := newTestState(t, testStart)
	renewal := testStart.Add(lifetime - renewBefore)
	published := [][]*x509.Certificate{s.trusted}

	p := mustDecide(t, renewal.Add(-time.Second), view{secret: s.data(), bundles: published})
	if p.write != nil || !p.published || !p.nextStep.Equal(renewal) {
		t.Fatalf("a second before the renewal: write %v, published %v, next step %v", p.write != nil, p.published, p.nextStep)
	}

	staged := written(t, mustDecide(t, renewal, view{secret: s.data(), bundles: published}), renewal)
	if staged.next == nil || !staged.current.tls.Leaf.Equal(s.current.tls.Leaf) {
		t.Fatal("the renewal does not stage a next pair beside the current one")
	}
	if len(staged.trusted) != 2 || !contains(staged.trusted, s.trusted) {
		t.Fatalf("staged: %d CAs are trusted, want the next and the current one", len(staged.trusted))
	}

	p = mustDecide(t, renewal, view{secret: staged.data(), bundles: published})
	if p.write != nil || p.nextPublished {
		t.Fatal("promoted before the next CA is published")
	}
	both := [][]*x509.Certificate{staged.trusted, staged.trusted}
	half := [][]*x509.Certificate{staged.trusted, s.trusted}
	if mustDecide(t, renewal, view{secret: staged.data(), bundles: half, nextSince: renewal.Add(-2 * overlap)}).nextPublished {
		t.Fatal("the next CA counts as published while one of two webhooks lacks it")
	}
	p = mustDecide(t, renewal.Add(overlap-time.Second), view{secret: staged.data(), bundles: both, nextSince: renewal})
	if p.write != nil || !p.nextStep.Equal(renewal.Add(overlap)) {
		t.Fatalf("a second before the overlap is over: write %v, next step %v", p.write != nil, p.nextStep)
	}
	after := renewal.Add(overlap)
	promoted := written(t, mustDecide(t, after, view{secret: staged.data(), bundles: both, nextSince: renewal}), after)
	if promoted.next != nil || !promoted.current.tls.Leaf.Equal(staged.next.tls.Leaf) {
		t.Fatal("the next pair was not promoted")
	}
	if !contains(promoted.trusted, staged.trusted) {
		t.Fatal("the former CA is no longer trusted while replicas may serve its certificate")
	}
}

func TestLostSecretGetsTheSameCertificate(t *testing.T) {
	s := newTestState(t, testStart)
	got := written(t, mustDecide(t, testStart, view{secret: nil, lastUsable: &s}), testStart)
	if !got.current.tls.Leaf.Equal(s.current.tls.Leaf) {
		t.Error("a new certificate was created, which API servers do not trust yet")
	}
}

func TestExpiredCurrentIsReplacedByTheStagedOne(t *testing.T) {
	s := newTestState(t, testStart)
	late := testStart.Add(lifetime + time.Hour)
	staged := mustStage(t, s, testStart.Add(lifetime-time.Hour))
	got := written(t, mustDecide(t, late, view{secret: staged.data()}), late)
	if !got.current.tls.Leaf.Equal(staged.next.tls.Leaf) {
		t.Error("the staged certificate was not used")
	}
}

func TestMerge(t *testing.T) {
	ours := newTestState(t, testStart).trusted
	foreign := newTestState(t, testStart).trusted
	expired := newTestState(t, testStart.Add(-2*lifetime)).trusted
	have := append(append(append([]*x509.Certificate{}, expired...), foreign...), ours...)
	got := merge(have, ours, testStart)
	if len(got) != 2 || !got[0].Equal(ours[0]) || !got[1].Equal(foreign[0]) {
		t.Errorf("merged to %d certificates, want ours first, then the foreign valid one", len(got))
	}
	var many []*x509.Certificate
	for range 2 * maxBundleCerts {
		many = append(many, newTestState(t, testStart).trusted...)
	}
	if got := merge(many, ours, testStart); len(got) != maxBundleCerts || !got[0].Equal(ours[0]) {
		t.Errorf("merged to %d certificates, want %d with ours first", len(got), maxBundleCerts)
	}
}

func TestKeysAreForServersOnly(t *testing.T) {
	s := newTestState(t, testStart)
	leaf, ca := s.current.tls.Leaf, s.trusted[0]
	if leaf.IsCA || leaf.KeyUsage != x509.KeyUsageDigitalSignature || len(leaf.ExtKeyUsage) != 1 || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("the certificate can be used for more than a server: %v %v", leaf.KeyUsage, leaf.ExtKeyUsage)
	}
	if !ca.IsCA || !ca.MaxPathLenZero {
		t.Error("the CA can sign other CAs")
	}
	for key := range s.data() {
		switch key {
		case keyCert, keyKey, keyCA:
		default:
			t.Errorf("the Secret has an unexpected key %s", key)
		}
	}
}
