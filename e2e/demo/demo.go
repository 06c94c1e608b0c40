package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/testapp/report"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	namespace   = "certsync-demo"
	appName     = "shop"
	certificate = "shop-tls"
	dnsName     = "shop.example.com"
)

// stepTimeout limits each step after the set-up, so that a demo that hangs names the step.
const stepTimeout = 3 * time.Minute

type demo struct {
	env      *framework.Environment
	narrator *narrator

	first   azure.Version
	pod     *corev1.Pod
	watcher *framework.Watcher
}

func (d *demo) play(ctx context.Context, keep bool) error {
	for _, s := range d.env.Steps(cluster.Options{Keep: keep}) {
		if err := d.narrator.during(s.Name, func() (string, error) { return "done", s.Do(ctx) }); err != nil {
			return err
		}
	}
	// An earlier demo may still be running.
	if err := d.env.RemoveNamespace(ctx, namespace); err != nil {
		return err
	}
	for _, s := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"a Deployment with one label and one annotation", d.deploy},
		{"what the webhook added", d.explain},
		{"the certificate as the app sees it", d.list},
		{"a TLS client verifies the chain", d.verify},
		{"the certificate is renewed in the vault", d.renew},
		{"Key Vault cut off, the sidecar killed", d.survive},
	} {
		if err := d.narrator.during(s.name, func() (string, error) { return s.do(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// newApp creates a certificate in the vault and the identity of the app, and returns the app.
func (d *demo) newApp(ctx context.Context) (framework.App, error) {
	var err error
	d.first, err = d.env.Azure.CreateCertificate(ctx, azure.Certificate{
		Vault: framework.Vault, Name: certificate, DNSNames: []string{dnsName},
	})
	if err != nil {
		return framework.App{}, err
	}
	clientID, err := d.env.NewIdentity(ctx, namespace, appName)
	return framework.App{
		Namespace: namespace, Name: appName, ClientID: clientID, PEM: framework.StoreFile(certificate),
		Annotations: map[string]string{contract.Prefix + contract.KeyCertificates: "https://" + framework.Vault + "/secrets/" + certificate},
	}, err
}

// deploy deploys the app and waits until its pod is ready.
func (d *demo) deploy(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	app, err := d.newApp(ctx)
	if err != nil {
		return "", err
	}
	manifest, err := d.env.Manifest(app)
	if err != nil {
		return "", err
	}
	d.narrator.say("its service account names the identity %s; the Deployment is:", app.ClientID)
	_, deployment, _ := strings.Cut(manifest, "kind: Deployment\n")
	d.narrator.show("kind: Deployment\n" + deployment)
	start := time.Now()
	if err := d.env.Deploy(ctx, app); err != nil {
		return "", err
	}
	if d.pod, err = d.env.AwaitPod(ctx, namespace, appName, framework.Ready); err != nil {
		return "", err
	}
	return fmt.Sprintf("pod ready %s after it was applied", seconds(time.Since(start))), nil
}

// explain shows what the webhook added to the pod.
func (d *demo) explain(context.Context) (string, error) {
	added := additions(d.pod)
	if len(added) == 0 {
		return "", errors.New("nothing was added to the pod")
	}
	d.narrator.show(strings.Join(added, "\n"))
	status := framework.ContainerStatus(d.pod, contract.ContainerName)
	if status == nil || !status.Ready {
		return "", fmt.Errorf("container %s is not ready", contract.ContainerName)
	}
	return "identity and sidecar were injected", nil
}

// list shows the store as the app's container sees it.
func (d *demo) list(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	listing, err := d.env.Cluster.Kubectl(ctx, "exec", "--namespace", namespace, d.pod.Name, "--container", "server",
		"--", "/testapp", "list", contract.DefaultStoreLocation)
	if err != nil {
		return "", err
	}
	d.narrator.say("%s:", contract.DefaultStoreLocation)
	d.narrator.show(listing)
	if !strings.Contains(listing, d.first.Version) {
		return "", fmt.Errorf("no file for version %s", d.first.Version)
	}
	return "version " + d.first.Version, nil
}

// verify starts a client in another pod that connects to the app.
func (d *demo) verify(ctx context.Context) (string, error) {
	var err error
	if d.watcher, err = d.env.Watch(ctx, namespace, appName, dnsName); err != nil {
		return "", err
	}
	// The watcher also runs during the following steps, so the timeout applies only to the wait for
	// its first report.
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	line, err := d.watcher.Serial(ctx, d.first.Serial)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("verified for %s against the root, %d certificates sent, serial %s", dnsName, line.Chain, line.Serial), nil
}

// renew issues a new version and waits until the same pod serves it.
func (d *demo) renew(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	renewed, err := d.env.Azure.Renew(ctx, azure.Renewal{Vault: framework.Vault, Name: certificate})
	if err != nil {
		return "", err
	}
	start := time.Now()
	line, err := d.watcher.Serial(ctx, renewed.Serial)
	if err != nil {
		return "", err
	}
	pod, err := d.env.AwaitPod(ctx, namespace, appName, framework.Ready)
	if err != nil {
		return "", err
	}
	if pod.UID != d.pod.UID || restarts(pod) != 0 {
		return "", fmt.Errorf("pod %s serves it with %d restarts, want pod %s without a restart", pod.Name, restarts(pod), d.pod.Name)
	}
	return fmt.Sprintf("serial %s served after %s by the same pod, 0 restarts, %d of %d handshakes failed",
		line.Serial, seconds(time.Since(start)), line.Failures, line.Handshakes), nil
}

// survive cuts off the vault, kills the sidecar, and waits until the sidecar runs again and the pod
// is ready.
func (d *demo) survive(ctx context.Context) (_ string, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if err := d.env.Azure.CutOff(ctx, framework.Vault, true); err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, d.env.Azure.CutOff(context.WithoutCancel(ctx), framework.Vault, false))
	}()
	if err := d.env.KillContainer(ctx, d.pod, contract.ContainerName); err != nil {
		return "", err
	}
	back, err := d.env.AwaitPod(ctx, namespace, appName, func(p *corev1.Pod) bool {
		status := framework.ContainerStatus(p, contract.ContainerName)
		return status != nil && status.RestartCount == 1 && framework.Ready(p)
	})
	if err != nil {
		return "", err
	}
	again := framework.ContainerStatus(back, contract.ContainerName).State.Running.StartedAt.Time
	ready := readySince(back)
	// The count starts when the pod is ready again. So the report below covers the whole restart.
	seen := d.watcher.Last().Handshakes
	line, err := d.watcher.Await(ctx, func(l report.Line) bool { return l.Handshakes > seen+20 })
	if err != nil {
		return "", err
	}
	if line.Failures != 0 {
		return "", fmt.Errorf("%d of %d handshakes failed: %s", line.Failures, line.Handshakes, line.Error)
	}
	return fmt.Sprintf("%d handshakes, none failed; pod ready within %s of the container's restart, the vault still cut off",
		line.Handshakes, seconds(max(0, ready.Sub(again)))), nil
}

// end removes what the demo created, or prints how to look around.
func (d *demo) end(keep bool) error {
	if d.env.Cluster == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	if keep {
		d.narrator.say("still running; look around with")
		d.narrator.show(fmt.Sprintf("go run ./e2e/cluster/cmd/cluster kubectl get pods -A\n"+
			"go run ./e2e/cluster/cmd/cluster kubectl describe pod -n %s\nmake cluster-down", namespace))
		return nil
	}
	// Does not wait until the app is gone: others may still use the cluster.
	_, err := d.env.Cluster.Kubectl(ctx, "delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
	return errors.Join(err, d.env.Close(ctx))
}
