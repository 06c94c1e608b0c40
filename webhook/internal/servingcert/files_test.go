package servingcert

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
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
	cas  string // PEM, as in the chart's webhook.tls.caBundle
	swap int
	log  bytes.Buffer
	// logger is the logger of all replicas. It serializes their writes to log.
	logger *slog.Logger
	// patched is the caBundle of the last patch that a replica requested, and patchErr the
	// response.
	patched  []*x509.Certificate
	patchErr error
	*Files
}

// PatchWebhookConfiguration implements ConfigurationAPI. The test decides when replicas see the
// result.
func (m *mountedSecret) PatchWebhookConfiguration(_ context.Context, _ string, patch []byte) error {
	var c admissionregistrationv1.MutatingWebhookConfiguration
	if err := json.Unmarshal(patch, &c); err != nil {
		return err
	}
	m.patched = readCerts(c.Webhooks[0].ClientConfig.CABundle)
	return m.patchErr
}

func newMountedSecret(t *testing.T, cas ...*x509.Certificate) *mountedSecret {
	m := &mountedSecret{t: t, dir: t.TempDir(), cas: string(encodeCerts(cas...))}
	m.logger = slog.New(slog.NewTextHandler(&m.log, nil))
	m.Files = m.startReplica(t.Context())
	return m
}

// startReplica starts another replica that follows the same directory.
func (m *mountedSecret) startReplica(ctx context.Context) *Files {
	f := NewFiles(m.dir, m.cas, Names{
		Namespace: "azure-cert-sync-system", Secret: "ours", Service: "azure-cert-sync-webhook", Configuration: "webhook",
	}, m, m.logger)
	go f.Run(ctx)
	return f
}

// put replaces the files as the kubelet does: a new directory, then one link. The Secret may have
// CAs.
func (m *mountedSecret) put(certPEM, keyPEM []byte, cas ...*x509.Certificate) {
	m.t.Helper()
	m.swap++
	version := filepath.Join(m.dir, "..version-"+string(rune('a'+m.swap)))
	link := filepath.Join(m.dir, "..data")
	check(m.t, os.Mkdir(version, 0o755))
	check(m.t, os.WriteFile(filepath.Join(version, keyCert), certPEM, 0o600))
	check(m.t, os.WriteFile(filepath.Join(version, keyKey), keyPEM, 0o600))
	if cas != nil {
		check(m.t, os.WriteFile(filepath.Join(version, keyCA), encodeCerts(cas...), 0o600))
	}
	check(m.t, os.Symlink(version, link+"_tmp"))
	check(m.t, os.Rename(link+"_tmp", link))
	advance(2 * readInterval)
}

// publish changes the caBundle that the replica observes.
func (m *mountedSecret) publish(cas ...*x509.Certificate) {
	m.ObserveConfiguration(bundleOf(cas...))
	advance(settle + readInterval)
}

// checkPatched fails the test unless the last patch has exactly these CAs, in this order.
func (m *mountedSecret) checkPatched(want ...*x509.Certificate) {
	m.t.Helper()
	if !slices.EqualFunc(m.patched, want, (*x509.Certificate).Equal) {
		m.t.Errorf("a replica patched %d other CAs, want %d", len(m.patched), len(want))
	}
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
		m.checkUnready("whose CA is not known")
		m.publish(firstCA)
		m.checkServed(first)

		second, secondCA := newTestPair(t, time.Now(), testName)
		m.put(second.certPEM, second.keyPEM)
		m.checkServed(first)
		m.checkLogged("whose CA is not known", "webhook.tls.caBundle", "ca.crt")
		m.checkPatched()
		m.publish(firstCA, secondCA)
		m.checkServed(second)
	})
}

// A replica adds the CA of its certificate to the caBundle, whether the Secret or the chart has it.
// It keeps the CAs of others, whose replicas may still run, and adds nothing that it does not need.
func TestFilesPublishCA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, firstCA := newTestPair(t, time.Now(), testName)
		second, secondCA := newTestPair(t, time.Now(), testName)
		_, unrelated := newTestPair(t, time.Now(), testName)
		_, others := newTestPair(t, time.Now(), testName)
		m := newMountedSecret(t, unrelated, firstCA)
		m.put(first.certPEM, first.keyPEM)
		m.publish(others)
		m.checkPatched(firstCA, others)
		m.checkUnready("the caBundle of MutatingWebhookConfiguration webhook is not published yet")
		m.publish(firstCA, others)
		m.checkServed(first)
		if strings.Contains(m.log.String(), "not usable") {
			t.Errorf("the log reports a problem: %s", m.log.String())
		}

		m.put(second.certPEM, second.keyPEM, unrelated, secondCA)
		m.checkServed(first)
		m.checkPatched(secondCA, firstCA, others)
		m.ObserveConfiguration(bundleOf(secondCA, firstCA, others))
		synctest.Wait()
		m.checkServed(first) // for API servers that have not seen the CA yet
		advance(settle + readInterval)
		m.checkServed(second)
	})
}

// If the caBundle is reset, a replica publishes the CA of what it serves again, even if the files
// contain something unusable by then.
func TestFilesPublishAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		p, ca := newTestPair(t, time.Now(), testName)
		m.put(p.certPEM, p.keyPEM, ca)
		m.publish(ca)
		m.checkServed(p)
		for _, broken := range []bool{false, true} {
			if broken {
				m.put([]byte("not PEM"), p.keyPEM)
			}
			m.patched = nil
			m.ObserveConfiguration(bundleOf())
			synctest.Wait()
			m.checkPatched(ca)
			m.publish(ca)
			m.checkServed(p)
		}
	})
}

// A replica that may not publish is not ready, says why, and does not try all the time.
func TestFilesMayNotPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		m.patchErr = errors.New("patching is not allowed")
		p, ca := newTestPair(t, time.Now(), testName)
		m.put(p.certPEM, p.keyPEM, ca)
		m.publish()
		m.checkUnready("patching is not allowed")
		advance(10 * time.Minute)
		if n := strings.Count(m.log.String(), "cannot publish the caBundle"); n > 25 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		m.patchErr = nil
		advance(maxRetryAfter)
		m.checkPatched(ca)
		m.publish(ca)
		m.checkServed(p)
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
