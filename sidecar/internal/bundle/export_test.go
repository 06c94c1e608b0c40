package bundle

import (
	"crypto/x509"
	"strings"
)

// SameName compares names for the tests.
var SameName = sameName

// CommonName returns a certificate's name also if crypto/x509 does not parse it.
func CommonName(c *x509.Certificate) string { return strings.Trim(displayName(c), `"`) }
