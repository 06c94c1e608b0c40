// Command go is an example of an HTTPS server that serves a certificate of azure-cert-sync, and
// its renewals without a restart. Its argument is the path of the PEM file.
package main

import (
	"crypto/tls"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatalf("usage: %s FILE", os.Args[0])
	}
	file := &certificate{link: os.Args[1]}
	if _, err := file.get(nil); err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Addr:              ":8443",
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{GetCertificate: file.get, MinVersion: tls.VersionTLS12},
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }),
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

// certificate is a PEM file with chain and key. The link leads to another file after each renewal.
type certificate struct {
	link string

	mu     sync.Mutex
	target string
	parsed *tls.Certificate
}

// get returns the certificate to which the link leads now. It parses a file only once.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	target, err := filepath.EvalSymlinks(c.link)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if target == c.target {
		return c.parsed, nil
	}
	pair, err := tls.LoadX509KeyPair(target, target)
	if err != nil {
		return nil, err
	}
	c.target, c.parsed = target, &pair
	return c.parsed, nil
}
