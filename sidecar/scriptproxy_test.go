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

// proxyCommand begins an HTTP proxy, as HTTPS_PROXY names one, for the rest of the script. It
// writes a line into a file for every tunnel. With a user and password it refuses those who do not
// give them.
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

// ServeHTTP answers CONNECT (RFC 9110, 9.3.6).
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodConnect:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case r.Header.Get("Proxy-Authorization") != p.authorization:
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	there, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer there.Close()
	fmt.Fprintln(p.log, r.Host)
	w.WriteHeader(http.StatusOK)
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	var wait sync.WaitGroup
	for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
		wait.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // the end of one way is that of both
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	wait.Wait()
}
