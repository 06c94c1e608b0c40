package servingcert

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// serving is the certificate that a replica serves. It is safe for concurrent use, except for use.
type serving struct {
	log   *slog.Logger
	cert  atomic.Pointer[tls.Certificate]
	first chan struct{} // closed by the first use
}

func newServing(log *slog.Logger) serving { return serving{log: log, first: make(chan struct{})} }

// GetCertificate implements tls.Config.GetCertificate.
func (s *serving) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := s.cert.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("the webhook has no certificate yet")
}

// Available returns a channel that is closed once there is a certificate to serve.
func (s *serving) Available() <-chan struct{} { return s.first }

// valid reports whether the served certificate has not expired. It is false without a certificate.
func (s *serving) valid(now time.Time) bool {
	c := s.cert.Load()
	return c != nil && now.Before(c.Leaf.NotAfter)
}

// use replaces the served certificate.
func (s *serving) use(c *tls.Certificate) {
	old := s.cert.Load()
	// Compare the whole chain: a missing intermediate may have been added.
	if old != nil && slices.EqualFunc(old.Certificate, c.Certificate, bytes.Equal) {
		return
	}
	s.cert.Store(c)
	if old == nil {
		close(s.first)
	}
	s.log.Info("serving certificate in use", "serial", c.Leaf.SerialNumber.Text(16), "notAfter", c.Leaf.NotAfter)
}
