package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// readyIn bounds a start.
const readyIn = 30 * time.Second

// Sidecar is a running one.
type Sidecar struct {
	*Process
	Store string        // its directory, in the sandbox
	Ready time.Duration // since the start

	client *http.Client
}

// SidecarOptions say how to start a sidecar.
type SidecarOptions struct {
	Program string
	// Store is the name of its store's directory. Sidecars of one name share what lives as long as
	// a pod.
	Store string
	// Certificates is the number of certificates in it.
	Certificates int
	// Cgroup limits its memory; nil for no limit.
	Cgroup *Cgroup
	// SettingsFile has the settings; empty to pass them by the variable.
	SettingsFile string
	// Settings are passed by the variable, instead of those of Certificates.
	Settings string
	// Log gets all that the sidecar writes to its standard error; nil to keep only the end of it.
	Log io.Writer
	// Args are further arguments.
	Args []string
}

// StorePath returns the path of a store's directory in the sandbox.
func (w *Azure) StorePath(name string) string { return filepath.Join(w.stores, name) }

// Start starts the sidecar in the sandbox and waits until it is ready.
func (w *Azure) Start(ctx context.Context, o SidecarOptions) (*Sidecar, error) {
	begin := time.Now()
	s, err := w.Launch(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.AwaitReady(ctx, readyIn); err != nil {
		s.Stop()
		return nil, err
	}
	s.Ready = time.Since(begin)
	return s, nil
}

// Launch starts the sidecar in the sandbox and does not wait.
func (w *Azure) Launch(ctx context.Context, o SidecarOptions) (*Sidecar, error) {
	run := w.stores + "-" + o.Store
	if err := os.MkdirAll(run, 0o700); err != nil {
		return nil, err
	}
	socket := filepath.Join(run, "socket")
	s := &Sidecar{Store: w.StorePath(o.Store), client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
	line := append([]string{o.Program, "--socket", socket}, o.Args...)
	env := append(w.SidecarEnv(), "SSL_CERT_DIR="+w.stores)
	switch {
	case o.SettingsFile != "":
		line = append(line, "--settings", o.SettingsFile)
	case o.Settings != "":
		env = append(env, "CERTSYNC_SETTINGS="+o.Settings)
	default:
		env = append(env, "CERTSYNC_SETTINGS="+Settings(s.Store, o.Certificates))
	}
	if o.Cgroup != nil {
		line = o.Cgroup.Command(line[0], line[1:]...)
	}
	cmd := command(ctx, line)
	cmd.Env, cmd.Stderr = env, o.Log
	var err error
	s.Process, err = Launch("sidecar", cmd, w.Sandbox.Start)
	return s, err
}

// AwaitReady waits until the sidecar is ready. The error is why it is not.
func (s *Sidecar) AwaitReady(ctx context.Context, most time.Duration) error {
	begin := time.Now()
	var err error
	for time.Since(begin) < most && ctx.Err() == nil {
		if _, err = s.Get(ctx, "/readyz?wait="+most.String()); err == nil {
			return nil
		}
		if ended := s.Ended(); ended != nil {
			return ended
		}
		time.Sleep(time.Millisecond) // until the socket is there
	}
	return errors.Join(ctx.Err(), fmt.Errorf("the sidecar is not ready: %w: %s", err, s.Log()))
}

// SidecarEnv is the environment of a sidecar that finds the emulated Azure, without its settings.
func (w *Azure) SidecarEnv() []string {
	return []string{
		"CERTSYNC_EXTRA_CA=" + string(w.CACertPEM()),
		// As in the image, which has the one file and no directory with a file per CA beside it.
		"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", "PATH=" + os.Getenv("PATH"),
		"AZURE_CLIENT_ID=" + ClientID, "AZURE_TENANT_ID=" + TenantID, "AZURE_FEDERATED_TOKEN_FILE=" + w.token,
	}
}

// Close closes the connections to the process.
func (s *Sidecar) Close() { s.client.CloseIdleConnections() }

// Get sends a request to the running process over its socket and returns the body of the response.
// The error has the response to any but a successful one.
func (s *Sidecar) Get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://certsync"+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, resp.Status, body)
	}
	return string(body), err
}
