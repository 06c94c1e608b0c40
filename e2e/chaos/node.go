package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// nodeName is the name of the cluster, apart from those of tests and other programs.
const nodeName = "certsync-chaos"

// settingsMap is the ConfigMap with the settings of the app "edited".
const settingsMap = "certs"

// node is a real node with the chart installed, with apps and good traffic.
type node struct {
	*framework.Environment
	runner  *runner
	azure   azure.Control // without the API server between
	trial   atomic.Pointer[trial]
	apps    []*app
	traffic traffic
}

// prepare starts the node and the traffic, unless they run.
func (n *node) prepare(ctx context.Context) (err error) {
	if n.Environment != nil {
		return nil
	}
	if os.Getenv("E2E_REGISTRY") != "" {
		return errors.New("E2E_REGISTRY is set: this would break programs of that cluster; unset it to use a separate node")
	}
	// What an interrupted run left.
	if err := cluster.Down(ctx, cluster.Options{Name: nodeName}); err != nil {
		return err
	}
	if n.Environment, err = framework.New(os.Stderr); err != nil {
		return err
	}
	if err := n.Up(ctx, cluster.Options{Name: nodeName}); err != nil {
		return err
	}
	direct := &http.Client{Transport: &http.Transport{DialContext: n.Cluster.Dial}}
	n.azure = azure.NewAdminClient("http://"+n.AzureIP+":8080", direct)
	n.runner.scanner.watch(n.azure)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(n.Roots.Issuer))
	for _, name := range []string{"steady", "shaken", "edited"} {
		a := &app{node: n, name: name, roots: roots, base: time.Now().Truncate(time.Second).Add(90 * 24 * time.Hour)}
		if err := a.deploy(ctx); err != nil {
			return err
		}
		n.apps = append(n.apps, a)
	}
	n.traffic.begin(ctx, n)
	return nil
}

// end ends the traffic and removes the node.
func (n *node) end(ctx context.Context) error {
	if n.Environment == nil {
		return nil
	}
	n.traffic.end()
	if n.azure != nil {
		n.runner.scanner.unwatch(ctx, n.azure)
	}
	return cluster.Down(ctx, cluster.Options{Name: nodeName})
}

// app returns one of the apps.
func (n *node) app(name string) *app {
	for _, a := range n.apps {
		if a.name == name {
			return a
		}
	}
	panic("no app " + name)
}

// onNode returns a fault that is made on the node. Around it, the checks of the traffic count for
// it; after it, all apps must get a further version, and what the programs printed is searched.
func onNode(name, holds string, run func(context.Context, *trial, *node) error) fault {
	return fault{name: "node-" + name, holds: holds, node: true, run: func(ctx context.Context, t *trial) error {
		n := t.node
		n.trial.Store(t)
		defer n.trial.Store(nil)
		if err := rig.Pause(ctx, time.Second); err != nil { // good traffic before the fault
			return err
		}
		if err := run(ctx, t, n); err != nil {
			return err
		}
		for _, a := range n.apps {
			t.check(a.name+": the newest version afterwards", a.reaches(ctx, a.newest.Load()))
		}
		return n.collect(ctx)
	}}
}

// app is a Deployment that serves its certificate. Its pod is never replaced.
type app struct {
	node  *node
	name  string
	roots *x509.CertPool
	base  time.Time // version n expires n seconds after it

	pod    *corev1.Pod
	newest atomic.Int64
	seen   atomic.Int64
	lost   int // probes in a row
	// shaken: its containers are being killed, so that handshakes may fail.
	shaken atomic.Bool
}

func (a *app) dnsName() string { return a.name + ".example.com" }

// deploy creates the first version and the app, and waits until its pod is ready.
func (a *app) deploy(ctx context.Context) error {
	n, namespace := a.node, "chaos-"+a.name
	clientID, err := n.NewIdentity(ctx, namespace, a.name)
	if err != nil {
		return err
	}
	_, err = n.azure.CreateCertificate(ctx, azure.Certificate{
		Vault: framework.Vault, Name: a.name, DNSNames: []string{a.dnsName()}, NotAfter: a.base.Add(time.Second),
	})
	if err != nil {
		return err
	}
	a.newest.Store(1)
	if err := n.NewNamespace(ctx, namespace, "restricted", nil); err != nil {
		return err
	}
	annotation := map[string]string{contract.Prefix + contract.KeyCertificates: secretOf(a.name)}
	if a.name == "edited" {
		annotation = map[string]string{contract.Prefix + contract.KeySettingsConfigMap: settingsMap}
		_, err := n.Client.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: settingsMap}, Data: map[string]string{settingsName: a.settings()},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
	}
	err = n.Deploy(ctx, framework.App{
		Namespace: namespace, Name: a.name, ClientID: clientID, PEM: framework.StoreFile(a.name), Annotations: annotation,
	})
	if err != nil {
		return err
	}
	a.pod, err = n.AwaitPod(ctx, namespace, a.name, framework.Ready)
	return err
}

func secretOf(name string) string { return "https://" + framework.Vault + "/secrets/" + name }

// settings are those of the ConfigMap.
func (a *app) settings() string {
	return fmt.Sprintf(`{"secretsManagementSettings":{"pollingIntervalInS":%d,"observedCertificates":[%q]}}`, pollSeconds, secretOf(a.name))
}

// renew creates the next version.
func (a *app) renew(ctx context.Context) error {
	next := a.newest.Load() + 1
	_, err := a.node.azure.Renew(ctx, azure.Renewal{
		Vault: framework.Vault, Name: a.name, NotAfter: a.base.Add(time.Duration(next) * time.Second),
	})
	if err == nil {
		a.newest.Store(next)
	}
	return err
}

// reaches waits until the traffic has seen a version.
func (a *app) reaches(ctx context.Context, version int64) error {
	return rig.Await(ctx, recoveredIn, func() error {
		if got := a.seen.Load(); got < version {
			return fmt.Errorf("version %d is served after %s, want %d", got, recoveredIn, version)
		}
		return nil
	})
}

// restarts returns how often the kubelet has restarted the pod's containers, by what the API server
// says. It is an error if there is another pod.
func (a *app) restarts(ctx context.Context) (count int, err error) {
	pod, err := a.node.Client.CoreV1().Pods(a.pod.Namespace).Get(ctx, a.pod.Name, metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	if pod.UID != a.pod.UID {
		return 0, errors.New("the pod was replaced")
	}
	for _, s := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		count += int(s.RestartCount)
	}
	return count, nil
}

// get returns what the sidecar serves on its port.
func (a *app) get(ctx context.Context, path string) (string, error) {
	return a.node.get(ctx, fmt.Sprintf("http://%s:%d%s", a.pod.Status.PodIP, contract.DefaultPort, path))
}

// says waits until the sidecar's status contains a text, or does not.
func (a *app) says(ctx context.Context, text string, want bool, most time.Duration) error {
	return rig.Await(ctx, most, func() error {
		status, err := a.get(ctx, contract.PathStatus)
		if err == nil && strings.Contains(status, text) != want {
			err = fmt.Errorf("after %s, %q in the status is %t, want %t: %s", most, text, !want, want, status)
		}
		return err
	})
}
