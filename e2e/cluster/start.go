package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// start brings up a new node, program by program:
//
//  1. the namespaces, with the state directory, keys and configuration;
//  2. etcd, containerd and the API server, in any order;
//  3. once containerd listens, the image of the pods' sandboxes;
//  4. once the API server is ready, the programs that need it;
//  5. and then the wait until the node accepts pods.
func (n *node) start(ctx context.Context) error {
	if err := n.startInit(ctx); err != nil {
		return err
	}
	if err := n.writePKI(time.Now()); err != nil {
		return err
	}
	if err := n.writeConfig(); err != nil {
		return err
	}
	all := n.daemons()
	rest := slices.IndexFunc(all, func(d daemon) bool { return d.program == "kube-controller-manager" })
	if err := n.launchAll(ctx, all[:rest]); err != nil {
		return err
	}
	if err := n.loadPause(ctx); err != nil {
		return err
	}
	client, err := n.client()
	if err != nil {
		return err
	}
	err = n.await(ctx, "the API server", []string{"etcd", "kube-apiserver"}, func(ctx context.Context) error {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if err := n.launchAll(ctx, all[rest:]); err != nil {
		return err
	}
	return n.awaitReady(ctx)
}

func (n *node) launchAll(ctx context.Context, ds []daemon) error {
	for _, d := range ds {
		if err := n.launch(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// loadPause loads the image of the pods' sandboxes into containerd.
func (n *node) loadPause(ctx context.Context) error {
	archive, err := n.packPause(ctx)
	if err != nil {
		return err
	}
	err = n.await(ctx, "containerd", []string{"containerd"}, func(ctx context.Context) error {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", n.path("containerd.sock"))
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		return err
	}
	return n.importImage(ctx, archive)
}

// awaitReady waits until the cluster can create, run and reach a pod.
func (n *node) awaitReady(ctx context.Context) error {
	client, err := n.client()
	if err != nil {
		return err
	}
	needed := []string{"etcd", "kube-apiserver", "kube-controller-manager", "containerd", "kubelet", "kube-proxy"}
	return n.await(ctx, "the node to be ready", needed, func(ctx context.Context) error {
		if err := nodeReady(ctx, client); err != nil {
			return err
		}
		// The controller manager creates it. Pods are not admitted without it.
		if _, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		return n.proxyReady(ctx)
	})
}

// nodeReady returns nil if the kubelet has reported the node as ready.
func nodeReady(ctx context.Context, client kubernetes.Interface) error {
	node, err := client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
			return nil
		}
		if c.Type == corev1.NodeReady {
			return fmt.Errorf("node not ready: %s: %s", c.Reason, c.Message)
		}
	}
	return errors.New("the kubelet has not reported its status yet")
}

// proxyReady returns nil if kube-proxy has written its rules, so that Services work.
func (n *node) proxyReady(ctx context.Context) error {
	transport := &http.Transport{DialContext: Dialer{Netns: n.netns()}.DialContext}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:10256/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("kube-proxy: %s", resp.Status)
	}
	return nil
}

func (n *node) client() (*kubernetes.Clientset, error) {
	return (&Cluster{kubeconfig: n.path("admin.kubeconfig"), node: n}).Clientset()
}
