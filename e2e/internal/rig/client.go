package rig

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// WebhookAddress is where the webhook listens, in the node's network.
const WebhookAddress = "127.0.0.1:9443"

// review is what the API server sends for a pod with the label and one certificate.
//
//go:embed review.json
var review string

// Review returns the body of what the API server sends for a pod of a service account, with the
// label and one certificate.
func Review(namespace, account string) ([]byte, error) {
	var body bytes.Buffer
	text := strings.NewReplacer("NAMESPACE", namespace, "ACCOUNT", account).Replace(review)
	if err := json.Compact(&body, []byte(text)); err != nil {
		return nil, fmt.Errorf("review.json: %w", err)
	}
	return body.Bytes(), nil
}

// Request returns the bytes of the HTTP request with that review.
func Request(namespace, account string) ([]byte, error) {
	body, err := Review(namespace, account)
	if err != nil {
		return nil, err
	}
	return Post(body), nil
}

// Post returns the bytes of an HTTP request as the API server sends it.
func Post(body []byte) []byte {
	return fmt.Appendf(nil, "POST /mutate-v1-pod?timeout=5s HTTP/1.1\r\nHost: %s.%s.svc\r\nUser-Agent: kube-apiserver-admission\r\n"+
		"Accept: application/json, */*\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		WebhookName, SystemNamespace, len(body), body)
}

// Client is one kept connection to the webhook, as the API server has them: HTTP/1.1 over TLS, the
// certificate verified by the published CA. It does little itself, since it shares the CPUs with
// the webhook.
type Client struct {
	conn net.Conn
	in   *bufio.Reader
	body bytes.Buffer
}

// Connect returns once the handshake is done.
func (n *Node) Connect(ctx context.Context, config *tls.Config) (*Client, error) {
	raw, err := n.Dial(ctx, "tcp", WebhookAddress)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return &Client{conn: conn, in: bufio.NewReader(conn)}, nil
}

// injected is what the answer to an admitted pod has in it.
var injected = [][]byte{[]byte(`"allowed":true`), []byte(`"patch":"`)}

// Admit sends a request and returns how long the response took. The error is about any response but
// a pod that was injected into.
func (c *Client) Admit(request []byte) (time.Duration, error) {
	begin := time.Now()
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	status, err := c.receive()
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	for _, part := range injected {
		if status != http.StatusOK || !bytes.Contains(c.body.Bytes(), part) {
			return took, fmt.Errorf("the webhook responded with %d, without %s: %.500s", status, part, &c.body)
		}
	}
	return took, nil
}

// Send sends a request until the deadline and returns the status and the body of the response. A
// server may respond before it has received all.
func (c *Client) Send(request []byte, deadline time.Time) (status int, body string, err error) {
	if err := c.conn.SetDeadline(deadline); err != nil {
		return 0, "", err
	}
	_, wrote := c.conn.Write(request)
	if status, err = c.receive(); err != nil {
		return 0, "", errors.Join(wrote, err)
	}
	return status, c.body.String(), nil
}

// SetDeadline bounds what follows on the connection.
func (c *Client) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// Write sends a part of a request.
func (c *Client) Write(part []byte) (int, error) { return c.conn.Write(part) }

// receive reads a response into c.body.
func (c *Client) receive() (status int, err error) {
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	c.body.Reset()
	_, err = io.Copy(&c.body, resp.Body)
	return resp.StatusCode, err
}

// Close closes the connection.
func (c *Client) Close() { _ = c.conn.Close() }
