package servingcert

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pass lets time pass until all is quiet again.
func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestReplicasStartTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t)
		replicas := make([]*Manager, 5)
		for i := range replicas {
			replicas[i] = c.start(t.Context())
		}
		if _, err := replicas[0].GetCertificate(nil); err == nil || replicas[0].Ready() == nil {
			t.Error("ready before the Secret was written")
		}
		advance(4 * c.delay)
		for i, m := range replicas {
			if err := m.Ready(); err != nil {
				t.Errorf("replica %d: %v", i, err)
			}
			c.checkTrusted(m)
		}
		if c.writes != 1 {
			t.Errorf("the Secret was written %d times, want once", c.writes)
		}
	})
}

func TestTwoYearsOfRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t)
		var replicas []*Manager
		var stops []context.CancelFunc
		start := func() {
			ctx, stop := context.WithCancel(t.Context())
			replicas, stops = append(replicas, c.start(ctx)), append(stops, stop)
		}
		for range 3 {
			start()
		}
		advance(time.Second)
		serials := map[string]bool{}
		for hour := range 2 * 365 * 24 {
			advance(time.Hour)
			for _, m := range replicas {
				c.checkTrusted(m)
			}
			served, _ := replicas[0].GetCertificate(nil)
			serials[served.Leaf.SerialNumber.String()] = true
			if hour%(24*7) == 0 { // a rolling update: the oldest replica is replaced
				start()
				advance(time.Second)
				stops[0]()
				replicas, stops = replicas[1:], stops[1:]
			}
		}
		if len(serials) < 11 || len(serials) > 13 {
			t.Errorf("got %d certificates in two years, want one every 60 days", len(serials))
		}
		if n := len(readCerts(c.config.Webhooks[0].ClientConfig.CABundle)); n > maxBundleCerts {
			t.Errorf("the caBundle has %d certificates, want at most %d", n, maxBundleCerts)
		}
	})
}

func TestRenewalIsTrustedAtEveryMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t)
		replicas := []*Manager{c.start(t.Context()), c.start(t.Context())}
		advance(lifetime - renewBefore - time.Second)
		before, _ := replicas[0].GetCertificate(nil)
		for range int((overlap + 10*time.Second) / c.delay * 2) {
			advance(c.delay / 2)
			for _, m := range replicas {
				c.checkTrusted(m)
			}
		}
		for i, m := range replicas {
			if after, _ := m.GetCertificate(nil); after.Leaf.Equal(before.Leaf) {
				t.Errorf("replica %d still serves the old certificate", i)
			}
		}
	})
}

func TestResetCABundleIsPublishedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t)
		m := c.start(t.Context())
		advance(time.Second)
		c.mu.Lock()
		config := c.config.DeepCopy()
		config.Webhooks[1].ClientConfig.CABundle = nil
		c.setConfig(config)
		c.mu.Unlock()
		advance(3 * c.delay)
		c.checkTrusted(m)
		if err := m.Ready(); err != nil {
			t.Errorf("a reset caBundle made the replica unready: %v", err)
		}
	})
}

func TestDeletedSecretIsWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t)
		c.secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Name: "tls", ResourceVersion: "0", Labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"},
		}}
		m := c.start(t.Context())
		other := c.start(t.Context())
		advance(time.Second)
		before, _ := m.GetCertificate(nil)
		c.mu.Lock()
		c.setSecret(nil)
		c.mu.Unlock()
		advance(time.Second)
		if c.secret == nil {
			t.Fatal("the Secret was not written again")
		}
		if c.secret.Labels["app.kubernetes.io/managed-by"] != "Helm" {
			t.Error("the Secret lost the labels by which Helm recognizes it")
		}
		for _, r := range []*Manager{m, other} {
			c.checkTrusted(r)
			if after, _ := r.GetCertificate(nil); !after.Leaf.Equal(before.Leaf) {
				t.Error("another certificate is served")
			}
		}
	})
}

func TestReadinessReportsWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestCluster(t)
		config := c.config
		c.config = nil
		c.writeErr = apierrors.NewForbidden(secretResource, "tls", errors.New("creating is not allowed"))
		m := c.start(t.Context())
		checkUnready := func(want string) {
			t.Helper()
			synctest.Wait()
			if err := m.Ready(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want it to mention %q", err, want)
			}
		}
		checkUnready("creating is not allowed")
		advance(10 * time.Minute)
		if c.creates > 20 {
			t.Errorf("got %d attempts in 10 minutes, want at most 20", c.creates)
		}
		c.mu.Lock()
		c.writeErr = nil
		c.mu.Unlock()
		advance(maxRetryAfter + time.Second)
		checkUnready("MutatingWebhookConfiguration webhook does not exist")
		c.mu.Lock()
		c.setConfig(config)
		c.mu.Unlock()
		advance(3 * c.delay)
		if err := m.Ready(); err != nil {
			t.Error(err)
		}
	})
}
