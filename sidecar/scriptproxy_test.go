package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// proxyCommand starts an HTTP proxy for HTTPS_PROXY, for the rest of the script. It writes a line
// to a file for every tunnel. With a user and password, it requires them.
//
//	proxy ADDRESS FILE [USER:PASSWORD]
func proxyCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: proxy ADDRESS FILE [USER:PASSWORD]")
	}
	l, err := net.Listen("tcp", args[0])
	ts.Check(err)
	log, err := os.OpenFile(ts.MkAbs(args[1]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	p := &proxy{log: log}
	if len(args) == 3 {
		p.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(args[2]))
	}
	server := &http.Server{Handler: p}
	go func() { _ = server.Serve(l) }() // until it is closed
	ts.Defer(func() {
		_ = server.Close()
		_ = log.Close()
	})
}

type proxy struct {
	log           *os.File
	authorization string
}

// ServeHTTP handles CONNECT (RFC 9110, 9.3.6).
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodConnect:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case r.Header.Get("Proxy-Authorization") != p.authorization:
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	server, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer server.Close()
	fmt.Fprintln(p.log, r.Host)
	w.WriteHeader(http.StatusOK)
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	var wait sync.WaitGroup
	for _, direction := range [][2]net.Conn{{client, server}, {server, client}} {
		wait.Go(func() {
			_, _ = io.Copy(direction[0], direction[1]) // if one direction ends, both end
			_ = direction[0].Close()
			_ = direction[1].Close()
		})
	}
	wait.Wait()
}
