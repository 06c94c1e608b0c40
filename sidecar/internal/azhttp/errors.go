package azhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// UnreachableError says that a service gave no answer: no address, no connection, no trust, or an answer
// that broke off. It is worth trying again.
type UnreachableError struct {
	// Host is the service, with the port where it is not 443.
	Host string
	Err  error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from %s: %v: %s", e.Host, e.Err, e.advice())
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// metadataHost is that of Azure's instance metadata service.
const metadataHost = "169.254.169.254"

func (e *UnreachableError) advice() string {
	var noName *net.DNSError
	switch {
	case e.Host == metadataHost:
		return "the metadata service is there on Azure's virtual machines only, and a cluster may keep pods from it: " +
			"without it, use the credential workload-identity"
	case e.byProxy():
		return "check HTTPS_PROXY and NO_PROXY (chart value sidecar.env)"
	case errors.As(e.Err, &noName):
		return "check the name, the cluster's DNS, and for a private endpoint its private DNS zone"
	case e.byDistrust():
		return e.aboutTrust()
	case errors.Is(e.Err, errTooLarge):
		return "check whether a proxy answers in its place"
	case e.byNetwork():
		return "check that network policies, firewalls and proxies let the pod connect to port 443 of it"
	default:
		return "it is tried again; if that lasts, check what is in between: firewalls, proxies, a service mesh"
	}
}

// byProxy says that it was not the service that could not be reached, but the proxy, or that it refused.
func (e *UnreachableError) byProxy() bool {
	var refused *proxyRefusal
	var op *net.OpError
	return errors.As(e.Err, &refused) || errors.As(e.Err, &op) && op.Op == "proxyconnect"
}

func (e *UnreachableError) byDistrust() bool {
	var untrusted *tls.CertificateVerificationError
	return errors.As(e.Err, &untrusted)
}

func (e *UnreachableError) aboutTrust() string {
	var (
		otherName x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(e.Err, &otherName):
		return "something else answers under its name: check the cluster's DNS, and whether a proxy or a service mesh answers"
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		return "check the node's clock"
	default:
		return "if a proxy or a private cloud has a CA of its own, give it as CERTSYNC_EXTRA_CA (chart value sidecar.extraCA)"
	}
}

func (e *UnreachableError) byNetwork() bool {
	var network net.Error
	var op *net.OpError
	return errors.Is(e.Err, context.DeadlineExceeded) || errors.As(e.Err, &network) && network.Timeout() ||
		errors.As(e.Err, &op) && op.Op == "dial"
}

// ThrottledError says that a service asked to be left alone for a while.
type ThrottledError struct {
	// Host is the service.
	Host string
	// Status is its answer's: 429, or 503 with a pause.
	Status int
	// Wait is what it asked for; zero where it did not say.
	Wait time.Duration
}

func (e *ThrottledError) Error() string {
	wait := "in a few seconds"
	if e.Wait > 0 {
		wait = fmt.Sprintf("after %s, as it asks for", e.Wait)
	}
	return fmt.Sprintf("%s answers %d %s: it is tried again %s", e.Host, e.Status, http.StatusText(e.Status), wait)
}

// RetryAfter returns Wait.
func (e *ThrottledError) RetryAfter() time.Duration { return e.Wait }
