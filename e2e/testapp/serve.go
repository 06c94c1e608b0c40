package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// serve runs an HTTPS server as a simple app does: its only input is the path of a PEM file. It
// reads the file at each handshake, so it serves a renewed certificate without a restart. It logs
// SIGHUP.
func serve(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	listen := f.String("listen", ":8443", "address to serve on")
	pem := f.String("pem", "", "file with the certificate chain and the key")
	notify := f.String("notify", "", "address that receives renewals by POST; the first time is refused")
	if err := f.Parse(args); err != nil {
		return err
	}
	load := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		content, err := os.ReadFile(*pem)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(content, content)
		return &pair, err
	}
	// As other apps, it does not start without its certificate.
	if _, err := load(nil); err != nil {
		return fmt.Errorf("no certificate to serve: %w", err)
	}
	server := &http.Server{
		Addr:      *listen,
		TLSConfig: &tls.Config{GetCertificate: load, MinVersion: tls.VersionTLS12},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "hello from", os.Getenv("HOSTNAME"))
		}),
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		for range hangup {
			fmt.Println("reload requested")
		}
	}()
	if *notify != "" {
		go func() { fmt.Println(http.ListenAndServe(*notify, notified())) }()
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Println("serving", *pem, "on", *listen)
	if err := server.ListenAndServeTLS("", ""); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// notified logs and counts POST requests. The first one gets status 503, as from an app that is too
// busy to reload.
func notified() http.Handler {
	var count atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := count.Add(1)
		fmt.Println("notified by", r.Method, r.URL.Path, "number", n)
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}
