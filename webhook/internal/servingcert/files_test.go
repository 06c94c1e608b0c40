package servingcert

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// mountedSecret is a directory like a Secret that the kubelet mounts, with a replica that follows
// it.
type mountedSecret struct {
	t    *testing.T
	dir  string
	swap int
	log  bytes.Buffer
	// logger is the logger of all replicas. It serializes their writes to log.
	logger *slog.Logger
	*Files
}

func newMountedSecret(t *testing.T) *mountedSecret {
	m := &mountedSecret{t: t, dir: t.TempDir()}
	m.logger = slog.New(slog.NewTextHandler(&m.log, nil))
	m.Files = m.startReplica(t.Context())
	return m
}

// startReplica starts another replica that follows the same directory.
func (m *mountedSecret) startReplica(ctx context.Context) *Files {
	f := NewFiles(m.dir, Names{
		Namespace: "azure-cert-sync-system", Secret: "ours", Service: "azure-cert-sync-webhook", Configuration: "webhook",
	}, m.logger)
	go f.Run(ctx)
	return f
}

// put replaces the files as the kubelet does: a new directory, then one link.
func (m *mountedSecret) put(certPEM, keyPEM []byte) {
	m.t.Helper()
	m.swap++
	version := filepath.Join(m.dir, "..version-"+string(rune('a'+m.swap)))
	link := filepath.Join(m.dir, "..data")
	check(m.t, os.Mkdir(version, 0o755))
	check(m.t, os.WriteFile(filepath.Join(version, keyCert), certPEM, 0o600))
	check(m.t, os.WriteFile(filepath.Join(version, keyKey), keyPEM, 0o600))
	check(m.t, os.Symlink(version, link+"_tmp"))
	check(m.t, os.Rename(link+"_tmp", link))
	advance(2 * readInterval)
}

// publish changes the caBundle that the replica observes.
func (m *mountedSecret) publish(cas ...*x509.Certificate) {
	m.ObserveConfiguration(bundleOf(cas...))
	advance(readInterval)
}

func bundleOf(cas ...*x509.Certificate) *admissionregistrationv1.MutatingWebhookConfiguration {
	return &admissionregistrationv1.MutatingWebhookConfiguration{Webhooks: []admissionregistrationv1.MutatingWebhook{
		{Name: "one", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: encodeCerts(cas...)}},
	}}
}

// checkServed fails the test unless the replica is ready and serves the certificate.
func (m *mountedSecret) checkServed(p *pair) {
	m.t.Helper()
	if err := m.Ready(); err != nil {
		m.t.Errorf("not ready: %v", err)
	}
	if got, err := m.GetCertificate(nil); err != nil || !got.Leaf.Equal(p.tls.Leaf) {
		m.t.Errorf("the replica serves another certificate, or none: %v", err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newTestPair returns a pair that was created at a time for a DNS name, and its CA.
func newTestPair(t *testing.T, at time.Time, name string) (*pair, *x509.Certificate) {
	t.Helper()
	p, ca, err := newPair(at, name)
	check(t, err)
	return p, ca
}

// A replica serves the certificate when it exists and is trusted. The next certificate replaces it
// when the caBundle trusts that one, not earlier.
func TestFilesReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		synctest.Wait()
		if _, err := m.GetCertificate(nil); err == nil {
			t.Error("a certificate is served before one exists")
		}
		m.checkUnready("has not been read yet")
		m.ObserveConfiguration(nil)
		synctest.Wait()
		m.checkUnready("has no tls.crt and tls.key")

		first, firstCA := newTestPair(t, time.Now(), testName)
		m.put(first.certPEM, first.keyPEM)
		m.checkUnready("the MutatingWebhookConfiguration webhook does not exist")
		m.publish()
		m.checkUnready("has no caBundle")
		m.publish(firstCA)
		m.checkServed(first)

		second, secondCA := newTestPair(t, time.Now(), testName)
		m.put(second.certPEM, second.keyPEM)
		m.checkServed(first)
		m.checkLogged("does not trust", "add its CA to the caBundle")
		m.publish(firstCA, secondCA)
		m.checkServed(second)
	})
}

// A chain with an added certificate replaces the served one, although the leaf is the same.
func TestFilesChainCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		p, ca := newTestPair(t, time.Now(), testName)
		m.put(p.certPEM, p.keyPEM)
		m.publish(ca)
		m.checkServed(p)
		m.put(append(slices.Clone(p.certPEM), encodeCerts(ca)...), p.keyPEM)
		m.checkServed(p)
		if got, err := m.GetCertificate(nil); err != nil || len(got.Certificate) != 2 {
			t.Errorf("the added certificate is not served: %v", err)
		}
	})
}

// An unusable certificate is reported: in the log if a better one is served, otherwise by
// readiness.
func TestFilesUnusable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		good, ca := newTestPair(t, time.Now(), testName)
		m.put(good.certPEM, good.keyPEM)
		m.publish(ca)
		other, _ := newTestPair(t, time.Now(), "other.example.com")
		expired, _ := newTestPair(t, time.Now().Add(-lifetime-time.Hour), testName)
		early, _ := newTestPair(t, time.Now().Add(2*backdate), testName)
		for want, files := range map[string][2][]byte{
			"has no matching":              {good.certPEM, other.keyPEM},
			"matching certificate and key": {[]byte("not PEM"), good.keyPEM},
			"issue it for the DNS name":    {other.certPEM, other.keyPEM},
			"that expired":                 {expired.certPEM, expired.keyPEM},
			"is not valid yet":             {early.certPEM, early.keyPEM},
		} {
			m.log.Reset()
			m.put(files[0], files[1])
			m.checkServed(good)
			m.checkLogged(want, "ours")
			newReplica := m.startReplica(t.Context())
			newReplica.ObserveConfiguration(bundleOf(ca))
			synctest.Wait()
			if err := newReplica.Ready(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("a new replica is not ready because %v, want it to mention %q", err, want)
			}
		}
	})
}

// The log warns before a certificate expires. The replica becomes unready when it has expired.
func TestFilesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		withRemaining := func(d time.Duration) (*pair, *x509.Certificate) {
			return newTestPair(t, time.Now().Add(d-lifetime), testName)
		}
		p, ca := withRemaining(expiryWarning + time.Hour)
		m.put(p.certPEM, p.keyPEM)
		m.publish(ca)
		if strings.Contains(m.log.String(), "expires soon") {
			t.Error("the log warns too early")
		}
		p, ca = withRemaining(7 * time.Hour)
		m.put(p.certPEM, p.keyPEM)
		m.publish(ca)
		advance(6*time.Hour + 30*time.Minute)
		if n := strings.Count(m.log.String(), "expires soon"); n != 2 {
			t.Errorf("the log warned %d times in 6.5 hours, want 2", n)
		}
		m.checkServed(p)
		advance(time.Until(p.tls.Leaf.NotAfter.Add(2 * readInterval)))
		m.checkUnready("that expired")
	})
}

func (m *mountedSecret) checkUnready(want string) {
	m.t.Helper()
	if err := m.Ready(); err == nil || !strings.Contains(err.Error(), want) {
		m.t.Errorf("Ready returns %v, want it to mention %q", err, want)
	}
}

func (m *mountedSecret) checkLogged(want ...string) {
	m.t.Helper()
	for _, text := range want {
		if !strings.Contains(m.log.String(), text) {
			m.t.Errorf("the log does not contain %q: %s", text, m.log.String())
		}
	}
}
