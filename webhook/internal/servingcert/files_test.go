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

// mountedSecret is a directory as the kubelet mounts a Secret, with a replica that follows it.
type mountedSecret struct {
	t    *testing.T
	dir  string
	swap int
	log  bytes.Buffer
	// logger is that of all replicas, and keeps their lines apart.
	logger *slog.Logger
	*Files
}

func newMountedSecret(t *testing.T) *mountedSecret {
	m := &mountedSecret{t: t, dir: t.TempDir()}
	m.logger = slog.New(slog.NewTextHandler(&m.log, nil))
	m.Files = m.replica(t.Context())
	return m
}

// replica starts one more replica that follows the same directory.
func (m *mountedSecret) replica(ctx context.Context) *Files {
	f := NewFiles(m.dir, Names{
		Namespace: "azure-cert-sync-system", Secret: "ours", Service: "azure-cert-sync-webhook", Configuration: "webhook",
	}, m.logger)
	go f.Run(ctx)
	return f
}

// put swaps the files as the kubelet does: a new directory, then one link.
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
	pass(2 * readEvery)
}

// publish tells the replica what the caBundle holds.
func (m *mountedSecret) publish(cas ...*x509.Certificate) {
	m.ObserveConfiguration(bundleOf(cas...))
	pass(readEvery)
}

func bundleOf(cas ...*x509.Certificate) *admissionregistrationv1.MutatingWebhookConfiguration {
	return &admissionregistrationv1.MutatingWebhookConfiguration{Webhooks: []admissionregistrationv1.MutatingWebhook{
		{Name: "one", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: encodeCerts(cas...)}},
	}}
}

// serves fails the test unless the certificate is served and the replica ready.
func (m *mountedSecret) serves(p *pair) {
	m.t.Helper()
	if err := m.Ready(); err != nil {
		m.t.Errorf("not ready: %v", err)
	}
	if got, err := m.GetCertificate(nil); err != nil || !got.Leaf.Equal(p.tls.Leaf) {
		m.t.Errorf("another certificate is served, or none: %v", err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// made returns a pair that was made at a time, for a name.
func made(t *testing.T, at time.Time, name string) (*pair, *x509.Certificate) {
	t.Helper()
	p, ca, err := newPair(at, name)
	check(t, err)
	return p, ca
}

// The certificate of others is served from when it is there and trusted; the next one takes its
// place as soon as the caBundle trusts that, and not before.
func TestFilesReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		synctest.Wait()
		if _, err := m.GetCertificate(nil); err == nil {
			t.Error("something is served before there is anything")
		}
		m.unready("has not been read yet")
		m.ObserveConfiguration(nil)
		synctest.Wait()
		m.unready("has no tls.crt and tls.key")

		first, firstCA := made(t, time.Now(), testName)
		m.put(first.certPEM, first.keyPEM)
		m.unready("MutatingWebhookConfiguration webhook does not exist")
		m.publish()
		m.unready("does not have a caBundle")
		m.publish(firstCA)
		m.serves(first)

		second, secondCA := made(t, time.Now(), testName)
		m.put(second.certPEM, second.keyPEM)
		m.serves(first)
		m.logged("does not trust", "add its CA")
		m.publish(firstCA, secondCA)
		m.serves(second)
	})
}

// A chain that is completed is served, though its leaf is the one that was served before.
func TestFilesChainCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		p, ca := made(t, time.Now(), testName)
		m.put(p.certPEM, p.keyPEM)
		m.publish(ca)
		m.serves(p)
		m.put(append(slices.Clone(p.certPEM), encodeCerts(ca)...), p.keyPEM)
		m.serves(p)
		if got, err := m.GetCertificate(nil); err != nil || len(got.Certificate) != 2 {
			t.Errorf("served without what was added: %v", err)
		}
	})
}

// What cannot be used is told: by the log where something better is served, by readiness where
// nothing is.
func TestFilesUnusable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		good, ca := made(t, time.Now(), testName)
		m.put(good.certPEM, good.keyPEM)
		m.publish(ca)
		other, _ := made(t, time.Now(), "other.example.com")
		expired, _ := made(t, time.Now().Add(-lifetime-time.Hour), testName)
		early, _ := made(t, time.Now().Add(2*backdate), testName)
		for want, files := range map[string][2][]byte{
			"that belong together":            {good.certPEM, other.keyPEM},
			"does not have a PEM certificate": {[]byte("no PEM"), good.keyPEM},
			"issue it for DNS name":           {other.certPEM, other.keyPEM},
			"that expired":                    {expired.certPEM, expired.keyPEM},
			"is not valid yet":                {early.certPEM, early.keyPEM},
		} {
			m.log.Reset()
			m.put(files[0], files[1])
			m.serves(good)
			m.logged(want, "ours")
			fresh := m.replica(t.Context())
			fresh.ObserveConfiguration(bundleOf(ca))
			synctest.Wait()
			if err := fresh.Ready(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("a new replica says %v, want it to mention %q", err, want)
			}
		}
	})
}

// A certificate that runs out is told in time, and takes the replica out of service when it has.
func TestFilesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMountedSecret(t)
		left := func(d time.Duration) (*pair, *x509.Certificate) { return made(t, time.Now().Add(d-lifetime), testName) }
		p, ca := left(expiresSoon + time.Hour)
		m.put(p.certPEM, p.keyPEM)
		m.publish(ca)
		if strings.Contains(m.log.String(), "expires soon") {
			t.Error("told before it is due")
		}
		p, ca = left(7 * time.Hour)
		m.put(p.certPEM, p.keyPEM)
		m.publish(ca)
		pass(6*time.Hour + 30*time.Minute)
		if n := strings.Count(m.log.String(), "expires soon"); n != 2 {
			t.Errorf("the log told %d times in 6.5 hours", n)
		}
		m.serves(p)
		pass(time.Until(p.tls.Leaf.NotAfter.Add(2 * readEvery)))
		m.unready("that expired")
	})
}

func (m *mountedSecret) unready(want string) {
	m.t.Helper()
	if err := m.Ready(); err == nil || !strings.Contains(err.Error(), want) {
		m.t.Errorf("Ready returns %v, want it to mention %q", err, want)
	}
}

func (m *mountedSecret) logged(want ...string) {
	m.t.Helper()
	for _, text := range want {
		if !strings.Contains(m.log.String(), text) {
			m.t.Errorf("the log does not say %q: %s", text, m.log.String())
		}
	}
}
