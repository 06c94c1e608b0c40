package main

import (
	"net"
	"strings"
	"time"

	"github.com/fluent/fluent-logger-golang/fluent"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tinylib/msgp/msgp"
)

// forwardedCommand listens like fluentd, for one connection, until it receives a record with a tag
// and a message. The address is that of a TCP port or, with a slash, the path of a unix socket.
//
//	forwarded ADDRESS TAG MESSAGE
func forwardedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: forwarded ADDRESS TAG MESSAGE")
	}
	network := "tcp"
	if strings.Contains(args[0], "/") {
		network = "unix"
	}
	l, err := net.Listen(network, args[0])
	ts.Check(err)
	defer l.Close()
	ts.Check(l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(time.Minute)))
	conn, err := l.Accept()
	ts.Check(err)
	defer conn.Close()
	ts.Check(conn.SetReadDeadline(time.Now().Add(time.Minute)))
	for reader := msgp.NewReader(conn); ; {
		tag, message := readMessage(ts, reader)
		if tag == args[1] && message == args[2] {
			return
		}
	}
}

// readMessage decodes one message of the forward protocol.
func readMessage(ts *testscript.TestScript, reader *msgp.Reader) (tag string, message any) {
	if n, err := reader.ReadArrayHeader(); err != nil || n != 3 {
		ts.Fatalf("received %d elements, want a message of three: %v", n, err)
	}
	tag, err := reader.ReadString()
	ts.Check(err)
	ts.Check(reader.ReadExtension(new(fluent.EventTime)))
	record, err := reader.ReadIntf()
	ts.Check(err)
	return tag, record.(map[string]any)["msg"]
}
