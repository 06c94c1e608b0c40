package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/testapp/report"
)

// watch repeats TLS handshakes with a server and verifies the chain against --ca only. It prints a
// report.Line when the served certificate or the error changes. It also prints one each second, so
// that a reader of the log sees that it is alive.
func watch(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("watch", flag.ContinueOnError)
	addr := f.String("addr", "", "host:port of the server")
	ca := f.String("ca", "", "PEM file with the only root to trust")
	name := f.String("name", "", "name that the certificate must be for")
	every := f.Duration("every", 50*time.Millisecond, "pause between handshakes")
	if err := f.Parse(args); err != nil {
		return err
	}
	pem, err := os.ReadFile(*ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", *ca)
	}
	config := &tls.Config{RootCAs: roots, ServerName: *name, MinVersion: tls.VersionTLS12}

	var line report.Line
	var printed time.Time
	for ctx.Err() == nil {
		before := line
		line.Handshakes++
		line.Serial, line.Chain, line.Error = "", 0, ""
		if state, err := handshake(ctx, *addr, config); err != nil {
			line.Failures++
			line.Error = err.Error()
		} else {
			line.Serial = state.PeerCertificates[0].SerialNumber.Text(16)
			line.Chain = len(state.PeerCertificates)
		}
		if line.Serial != before.Serial || line.Error != before.Error || time.Since(printed) > time.Second {
			printed = time.Now()
			if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(*every):
		}
	}
	return nil
}

// handshake opens a new connection without session resumption, so that the server sends its chain
// and the client verifies it each time.
func handshake(ctx context.Context, addr string, config *tls.Config) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	secured, ok := conn.(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, errors.New("not a TLS connection")
	}
	return secured.ConnectionState(), nil
}
