package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fsnotify/fsnotify"
)

// notify watches a PEM file, as apps with fsnotify do. It prints "watching", then waits for the
// event that the file was replaced, and prints the serial number of the leaf that is there now.
func notify(ctx context.Context, w io.Writer, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: testapp notify FILE")
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Close() }() // the process ends
	if err := watcher.Add(args[0]); err != nil {
		return err
	}
	fmt.Fprintln(w, "watching")
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-watcher.Errors:
			return err
		case event := <-watcher.Events:
			if !event.Has(fsnotify.Remove) {
				continue // the inode's attributes
			}
			serial, err := leafSerial(args[0])
			if err == nil {
				fmt.Fprintln(w, serial)
			}
			return err
		}
	}
}

// leafSerial returns the serial number of a file's first certificate, in hexadecimal.
func leafSerial(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			return "", fmt.Errorf("%s contains no certificate", file)
		}
		if block.Type == "CERTIFICATE" {
			leaf, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return "", err
			}
			return leaf.SerialNumber.Text(16), nil
		}
		content = rest
	}
}
