package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const webhookAddress = "127.0.0.1:9443"

// review is the request that the API server sends for a pod with the label and one certificate.
//
//go:embed review.json
var review string

// request returns the bytes of an HTTP request for a pod with the given service account.
func request(account int) ([]byte, error) {
	var body bytes.Buffer
	text := strings.NewReplacer("NAMESPACE", namespaceName(account), "ACCOUNT", accountName(account)).Replace(review)
	if err := json.Compact(&body, []byte(text)); err != nil {
		return nil, fmt.Errorf("review.json: %w", err)
	}
	return fmt.Appendf(nil, "POST /mutate-v1-pod?timeout=5s HTTP/1.1\r\nHost: %s.%s.svc\r\nUser-Agent: kube-apiserver-admission\r\n"+
		"Accept: application/json, */*\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		webhookName, systemNamespace, body.Len(), &body), nil
}

// client is one persistent connection to the webhook, as the API server uses them: HTTP/1.1 over
// TLS, with the certificate verified by the published CA. It does little work, because it shares
// the CPUs with the webhook.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	body bytes.Buffer
}

// connect returns when the handshake is complete.
func (n *node) connect(ctx context.Context, config *tls.Config) (*client, error) {
	raw, err := n.Dial(ctx, "tcp", webhookAddress)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return &client{conn: conn, in: bufio.NewReader(conn)}, nil
}

// injected is what a response contains if the pod was admitted and injected.
var injected = [][]byte{[]byte(`"allowed":true`), []byte(`"patch":"`)}

// admit sends a request and returns how long the response took. It returns an error unless the pod
// was injected.
func (c *client) admit(request []byte) (time.Duration, error) {
	begin := time.Now()
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	c.body.Reset()
	if _, err := io.Copy(&c.body, resp.Body); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	for _, part := range injected {
		if resp.StatusCode != http.StatusOK || !bytes.Contains(c.body.Bytes(), part) {
			return took, fmt.Errorf("the webhook's response %s does not contain %s: %s", resp.Status, part, &c.body)
		}
	}
	return took, nil
}

func (c *client) Close() { _ = c.conn.Close() }
