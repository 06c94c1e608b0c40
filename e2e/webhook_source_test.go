package e2e

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
)

// The source of the serving certificate can change from each to each other, with both versions of
// Helm. Meanwhile, no pod is refused or left out. An upgrade takes a quarter of a minute, so make
// test makes three of the changes, and make test-long makes all of them.
//
// This test changes the whole cluster, so it does not run in parallel with others.
func TestSourceChanges(t *testing.T) {
	pod := identified(t, "source")
	restoreChart(t)
	installCertManagerDefinitions(t)
	t.Cleanup(func() { removeSecret(t, ownSecret) })
	t.Cleanup(func() { removeSecret(t, certManagerSecret) })

	to := map[string]func(t *testing.T, helm framework.Helm, flags []string){
		"self": func(t *testing.T, helm framework.Helm, flags []string) {
			upgrade(t, helm, testEnv.Values(), flags...)
			awaitSecret(t)
		},
		"secret": func(t *testing.T, helm framework.Helm, flags []string) {
			ca := newAuthority(t)
			putSecret(t, ownSecret, ca.issue(t, servedName, time.Hour))
			upgrade(t, helm, valuesWithOwn(ca), flags...)
		},
		"cert-manager": func(t *testing.T, helm framework.Helm, flags []string) { upgradeWithCertManager(t, helm, flags...) },
	}
	type changes struct {
		name    string
		helm    framework.Helm
		flags   []string
		sources []string // one after the other; the first change is from "self"
	}
	helm3 := changes{"Helm 3", testEnv.Cluster.Helm3, nil, []string{"secret", "cert-manager", "self"}}
	helm4 := changes{"Helm 4", testEnv.Cluster.Helm, []string{"--server-side=true"}, []string{"secret", "cert-manager", "self"}}
	all := []changes{helm4}
	if long() {
		helm4.sources = append(helm4.sources, "cert-manager", "secret", "self")
		all = []changes{helm3, helm4}
	}
	for _, version := range all {
		before := "self"
		for _, source := range version.sources {
			t.Run(version.name+" from "+before+" to "+source, func(t *testing.T) {
				whileAdmitting(t, pod, func() { to[source](t, version.helm, version.flags) })
				onlyWebhookOwnsBundle(t)
			})
			before = source
		}
	}
}

// If Helm replaces objects instead of changing them, it removes the caBundle, and the certificate
// from the Secret. The webhook restores both with the same certificate. In the moment until then
// the API server cannot call the webhook, so a pod may be refused, but none is left out.
func TestForcedUpgrade(t *testing.T) {
	pod := identified(t, "forced")
	restoreChart(t)
	for _, version := range []struct {
		name  string
		helm  framework.Helm
		flags []string
	}{
		{"Helm 3", testEnv.Cluster.Helm3, []string{"--force"}},
		{"Helm 4", testEnv.Cluster.Helm, []string{"--force-replace", "--server-side=false"}},
	} {
		t.Run(version.name, func(t *testing.T) {
			before := readSecret(t)
			refused := 0
			attempts := attemptsDuring(t, pod, func() {
				upgrade(t, version.helm, testEnv.Values(), version.flags...)
				if after := awaitSecret(t); !bytes.Equal(before.Data[corev1.TLSCertKey], after.Data[corev1.TLSCertKey]) {
					t.Error("the certificate has changed")
				}
				awaitBundle(t)
			})
			for _, err := range attempts {
				if err != nil && !strings.Contains(err.Error(), "x509: certificate signed by unknown authority") {
					t.Error(err)
				} else if err != nil {
					refused++
				}
			}
			t.Logf("%d of %d pods were refused", refused, len(attempts))
			if slices.ContainsFunc(attempts[len(attempts)-20:], func(err error) bool { return err != nil }) {
				t.Error("pods are refused after the upgrade")
			}
		})
	}
}

// Uninstalling refuses no pod. After installing again, pods are refused until the first replica is
// ready, and from then on all get their identity.
func TestReinstall(t *testing.T) {
	pod := identified(t, "reinstall")
	restoreChart(t)
	for _, err := range attemptsDuring(t, pod, func() { uninstall(t) }) {
		if err != nil && !errors.Is(err, errUninjected) {
			t.Errorf("while uninstalling: %v", err)
		}
	}
	attempts := attemptsDuring(t, pod, func() {
		if err := testEnv.InstallChart(testContext(t)); err != nil {
			t.Fatal(err)
		}
	})
	admitted := 0
	for _, err := range attempts {
		if err == nil {
			admitted++
		} else if admitted > 0 {
			t.Errorf("after %d admissions: %v", admitted, err)
		}
	}
	t.Logf("%d of %d pods were admitted", admitted, len(attempts))
}

// identified returns a pod that gets an identity, in a new namespace.
func identified(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	namespace := newNamespace(t, name, "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	return labelled(namespace, "web", nil)
}

// upgrade upgrades the chart, and waits until the replaced replicas have ended.
func upgrade(t *testing.T, helm framework.Helm, values map[string]any, flags ...string) {
	t.Helper()
	if err := testEnv.UpgradeChartBy(testContext(t), helm, values, flags...); err != nil {
		t.Fatal(err)
	}
	gone(t)
}
