package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// serve runs an emulator until the context ends or a listener fails.
func serve(c *invocation, args []string) error {
	config := c.flags.String("config", "", "JSON `file` with the state to start with")
	caDir := c.flags.String("ca-dir", "", "`directory` of the CA files; missing files are created")
	listen := c.flags.String("listen", ":443", "`address` of Entra ID and Key Vault")
	admin := c.flags.String("admin", "127.0.0.1:8080", "`address` of the admin API, which needs no authentication")
	verbose := c.flags.Bool("verbose", false, "log every request")
	if err := c.parse(args, 0); err != nil {
		return err
	}
	e, log, err := newEmulator(c, *config, *caDir, *verbose)
	if err != nil {
		return err
	}
	services, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", *admin)
	if err != nil {
		return errors.Join(err, services.Close())
	}
	log.Info("serving", "services", services.Addr().String(), "admin", control.Addr().String())
	adminServer := &http.Server{Handler: e.AdminHandler(), ReadHeaderTimeout: time.Minute}
	failed := make(chan error, 2)
	go func() { failed <- e.Serve(services) }()
	go func() { failed <- adminServer.Serve(control) }()
	select {
	case err = <-failed:
	case <-c.ctx.Done():
		log.Info("stopping")
	}
	return errors.Join(err, e.Close(), adminServer.Close())
}

func newEmulator(c *invocation, config, caDir string, verbose bool) (*azure.Emulator, *slog.Logger, error) {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewJSONHandler(c.stderr, &slog.HandlerOptions{Level: level}))
	o := azure.Options{CADir: caDir, Logger: log}
	if config != "" {
		data, err := os.ReadFile(config)
		if err != nil {
			return nil, nil, err
		}
		if o.Config, err = azure.ParseConfig(data); err != nil {
			return nil, nil, err
		}
	}
	e, err := azure.New(o)
	return e, log, err
}
