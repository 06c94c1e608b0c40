package azhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// UnreachableError is returned if a service sends no complete response: its name cannot be
// resolved, the connection fails, its certificate is not trusted, or the response is incomplete. A
// retry can succeed.
type UnreachableError struct {
	// Host is the host of the service, with the port if it is not 443.
	Host string
	Err  error
	// Where selects the text.
	Where contract.Mode
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no response from %s: %v: %s", e.Host, e.Err, e.remedy())
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// FailureReason implements certsync's behaviour of errors.
func (*UnreachableError) FailureReason() string { return contract.ReasonUnreachable }

const (
	// MetadataHost is that of Azure's instance metadata service.
	MetadataHost = "169.254.169.254"
	// arcPort is the port of Azure Arc's agent on loopback.
	//
	// Source: https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication
	arcPort     = ":40342"
	arcEndpoint = "http://localhost" + arcPort + "/metadata/identity"
)

func (e *UnreachableError) remedy() string {
	var dns *net.DNSError
	switch {
	case e.Host == MetadataHost:
		return "the metadata service exists only on Azure virtual machines" + e.Where.Text(
			", and a cluster may block pods from it: a pod can use the credential workload-identity instead",
			": check that no firewall blocks its address; a server with Azure Arc's agent needs msiEndpoint "+arcEndpoint)
	case strings.HasSuffix(e.Host, arcPort):
		return "check that Azure Arc's agent runs (azcmagent show), and msiEndpoint"
	case e.isProxyFailure():
		return "check HTTPS_PROXY and NO_PROXY" + e.Where.Text(" (chart value sidecar.env)", "")
	case errors.As(e.Err, &dns):
		return "check the name, " + e.Where.Text("the cluster's", "this machine's") + " DNS, and for a private endpoint its private DNS zone"
	case e.isUntrusted():
		return e.trustRemedy()
	case errors.Is(e.Err, errTooLarge):
		return "check whether a proxy responds in its place"
	case e.isNetworkFailure():
		return "check that " + e.Where.Text("network policies, ", "") + "firewalls and proxies allow connections to its port 443"
	default:
		return "the request is retried; if this continues, check the " + e.Where.Text("firewalls, proxies and service mesh", "firewalls and proxies") + " in between"
	}
}

// isProxyFailure reports that the proxy is unreachable, or that it refused the connection.
func (e *UnreachableError) isProxyFailure() bool {
	var refused *proxyRefusal
	var op *net.OpError
	return errors.As(e.Err, &refused) || errors.As(e.Err, &op) && op.Op == "proxyconnect"
}

func (e *UnreachableError) isUntrusted() bool {
	var untrusted *tls.CertificateVerificationError
	return errors.As(e.Err, &untrusted)
}

func (e *UnreachableError) trustRemedy() string {
	var (
		otherName x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(e.Err, &otherName):
		return "another server responds under this name: check " + e.Where.Text("the cluster's DNS, and whether a proxy or a service mesh",
			"this machine's DNS, and whether a proxy") + " intercepts the connection"
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		return "check the " + e.Where.Text("node's", "machine's") + " clock"
	default:
		return "if a proxy or a private cloud uses a private CA, add it as CERTSYNC_EXTRA_CA" + e.Where.Text(" (chart value sidecar.extraCA)", "")
	}
}

func (e *UnreachableError) isNetworkFailure() bool {
	var network net.Error
	var op *net.OpError
	return errors.Is(e.Err, context.DeadlineExceeded) || errors.As(e.Err, &network) && network.Timeout() ||
		errors.As(e.Err, &op) && op.Op == "dial"
}

// ThrottledError is returned if a service requests a pause.
type ThrottledError struct {
	// Host is the host of the service.
	Host string
	// Status is 429, or 503 with a pause.
	Status int
	// Wait is the requested pause, or zero if the response does not specify one.
	Wait time.Duration
}

func (e *ThrottledError) Error() string {
	wait := "in a few seconds"
	if e.Wait > 0 {
		wait = fmt.Sprintf("after %s, as requested", e.Wait)
	}
	return fmt.Sprintf("%s returned %d %s: the request is retried %s", e.Host, e.Status, http.StatusText(e.Status), wait)
}

// RetryAfter returns Wait.
func (e *ThrottledError) RetryAfter() time.Duration { return e.Wait }

// FailureReason implements certsync's behaviour of errors.
func (*ThrottledError) FailureReason() string { return contract.ReasonThrottled }
