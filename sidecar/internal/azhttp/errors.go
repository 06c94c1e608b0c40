package azhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
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
	var (
		untrusted *tls.CertificateVerificationError
		noName    *net.DNSError
		network   net.Error
	)
	switch {
	case e.Host == metadataHost:
		return "the metadata service is there on Azure's virtual machines only, and a cluster may keep pods from it: " +
			"without it, use the credential workload-identity"
	case errors.As(e.Err, &untrusted):
		return "if a proxy or a private cloud has a CA of its own, give it as CERTSYNC_EXTRA_CA (the chart's extra-CA value)"
	case errors.As(e.Err, &noName):
		return "check the name, the cluster's DNS, and for a private endpoint its private DNS zone"
	case errors.Is(e.Err, context.DeadlineExceeded), errors.As(e.Err, &network) && network.Timeout():
		return "check that network policies, firewalls and proxies let the pod connect to port 443 of it"
	default:
		return "it is tried again"
	}
}

// ThrottledError says that a service asked to be left alone for a while.
type ThrottledError struct {
	// Host is the service.
	Host string
	// Wait is what it asked for; zero where it did not say.
	Wait time.Duration
}

func (e *ThrottledError) Error() string {
	if e.Wait == 0 {
		return fmt.Sprintf("%s has too many requests (429): waiting", e.Host)
	}
	return fmt.Sprintf("%s has too many requests: waiting for %s, as it asks for", e.Host, e.Wait)
}

// RetryAfter returns Wait.
func (e *ThrottledError) RetryAfter() time.Duration { return e.Wait }
