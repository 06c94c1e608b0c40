package main

import (
	"crypto/tls"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// servesCommand connects as a TLS client, at most for a minute, until the server at an address uses
// a certificate of the vault. The handshake proves that it has the certificate's key.
//
//	serves ADDRESS NAME [VERSION]
func (w *world) servesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: serves ADDRESS NAME [VERSION]")
	}
	want, got := w.serial(ts, args[1:]), ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		conn, err := tls.Dial("tcp", args[0], &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			got = err.Error()
			continue
		}
		got = conn.ConnectionState().PeerCertificates[0].SerialNumber.Text(16)
		ts.Check(conn.Close())
		if got == want {
			return
		}
	}
	ts.Fatalf("%s uses the certificate %s, want %s of %q", args[0], got, want, args[1:])
}
