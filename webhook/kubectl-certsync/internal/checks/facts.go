package checks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strconv"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

// Facts are what the checks decide by. A fact that could not be read has its error beside it.
type Facts struct {
	// Pre is true before the installation.
	Pre bool
	Now time.Time

	Major, Minor int
	VersionErr   error
	Issuer       string
	IssuerErr    error
	// Denied are the permissions of an installation that the caller does not have.
	Denied    []string
	DeniedErr error

	// Installation is incomplete with InstallErr.
	Installation *install.Installation
	InstallErr   error
	Handshakes   []Handshake

	// Pods are those with the label.
	Pods          []corev1.Pod
	PodsErr       error
	Namespaces    map[string]*corev1.Namespace
	NamespacesErr error
	// Accounts are the annotations of the service accounts, by namespace/name.
	Accounts    map[string]map[string]string
	AccountsErr error
	LimitRanges []corev1.LimitRange
	LimitErr    error
}

// Handshake is a TLS handshake with a replica of the webhook.
type Handshake struct {
	Pod  string
	Leaf *x509.Certificate // nil with Err
	Err  error
}

// handshakeTime bounds the handshake with one replica.
const handshakeTime = 10 * time.Second

// Gather reads the facts. What cannot be read is part of the facts; the error is only that the API
// server does not respond at all.
func Gather(ctx context.Context, c *cluster.Client, pre bool) (*Facts, error) {
	f := &Facts{Pre: pre, Now: time.Now(), Namespaces: map[string]*corev1.Namespace{}}
	version, err := c.ServerVersion(ctx)
	if err != nil {
		return nil, err
	}
	f.Major, _ = strconv.Atoi(version.Major)
	f.Minor, _ = strconv.Atoi(strings.TrimSuffix(version.Minor, "+"))
	f.Issuer, f.IssuerErr = c.Issuer(ctx)
	if err := f.noResponse(); err != nil {
		return nil, err // each further request would wait, too
	}
	f.Installation, f.InstallErr = install.Find(ctx, c)
	f.Pods, f.PodsErr = c.LabelledPods(ctx, "")
	f.gatherNamespaces(ctx, c)
	f.gatherAccounts(ctx, c)
	if pre {
		f.Denied, f.DeniedErr = denied(ctx, c)
	} else if f.InstallErr == nil {
		f.Handshakes = handshakes(ctx, c, f.Installation)
	}
	return f, errors.Join(f.noResponse(), ctx.Err())
}

// noResponse returns the error if the API server has stopped to respond meanwhile: then the checks
// would be skipped, as if permissions were missing.
func (f *Facts) noResponse() error {
	for _, err := range []error{f.IssuerErr, f.InstallErr, f.PodsErr, f.NamespacesErr, f.AccountsErr, f.LimitErr, f.DeniedErr} {
		var access *cluster.AccessError
		if errors.As(err, &access) && access.NoResponse {
			return access
		}
	}
	return nil
}

// gatherAccounts reads the service accounts of the namespaces that have labelled pods.
func (f *Facts) gatherAccounts(ctx context.Context, c *cluster.Client) {
	f.Accounts = map[string]map[string]string{}
	read := map[string]bool{}
	for i := range f.Pods {
		namespace := f.Pods[i].Namespace
		if read[namespace] {
			continue
		}
		read[namespace] = true
		list, err := c.CoreV1().ServiceAccounts(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			f.AccountsErr = cluster.Explain(err, "list service accounts", "serviceaccounts", namespace)
			return
		}
		for _, account := range list.Items {
			f.Accounts[namespace+"/"+account.Name] = account.Annotations
		}
	}
}

func (f *Facts) gatherNamespaces(ctx context.Context, c *cluster.Client) {
	namespaces, err := c.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		f.NamespacesErr = cluster.Explain(err, "list namespaces", "namespaces", "")
	} else {
		for i := range namespaces.Items {
			f.Namespaces[namespaces.Items[i].Name] = &namespaces.Items[i]
		}
	}
	limits, err := c.CoreV1().LimitRanges("").List(ctx, metav1.ListOptions{})
	if err != nil {
		f.LimitErr = cluster.Explain(err, "list LimitRanges", "limitranges", "")
		return
	}
	f.LimitRanges = limits.Items
}

// denied returns the permissions that helm needs for the chart and the caller does not have.
func denied(ctx context.Context, c *cluster.Client) (missing []string, err error) {
	for _, a := range []authorizationv1.ResourceAttributes{
		{Verb: "create", Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"},
		{Verb: "create", Resource: "namespaces"},
		{Verb: "create", Group: "apps", Resource: "deployments", Namespace: defaultNamespace},
		{Verb: "create", Resource: "secrets", Namespace: defaultNamespace},
	} {
		allowed, err := c.Allowed(ctx, a)
		if err != nil {
			return nil, err
		}
		if !allowed {
			missing = append(missing, a.Verb+" "+a.Resource)
		}
	}
	return missing, nil
}

// defaultNamespace is the namespace that the README installs into.
const defaultNamespace = "azure-cert-sync-system"

// handshakes connects to every ready replica and verifies its certificate as the API server does.
func handshakes(ctx context.Context, c *cluster.Client, in *install.Installation) (list []Handshake) {
	pods, err := in.Pods(ctx, c)
	if err != nil {
		return []Handshake{{Err: err}}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(in.Webhook.ClientConfig.CABundle)
	config := &tls.Config{RootCAs: roots, ServerName: in.ServerName(), MinVersion: tls.VersionTLS12}
	for i := range pods {
		pod := &pods[i]
		port := install.Port(&pod.Spec)
		if !ready(pod) || port == 0 {
			continue
		}
		h := Handshake{Pod: pod.Name}
		state, err := func() (*tls.ConnectionState, error) {
			ctx, cancel := context.WithTimeout(ctx, handshakeTime)
			defer cancel()
			return c.ServedCertificate(ctx, pod, port, config)
		}()
		if err != nil {
			h.Err = err
		} else {
			h.Leaf = state.PeerCertificates[0]
		}
		list = append(list, h)
	}
	return list
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
