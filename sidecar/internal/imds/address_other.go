//go:build !linux

package imds

import (
	"errors"
	"net/netip"
)

var errNotLinux = errors.New("only pods on Linux have the metadata endpoint")

// AddAddress fails: it needs Linux.
func AddAddress(netip.Addr) error { return errNotLinux }

// HideFromNeighbours fails: it needs Linux.
func HideFromNeighbours() error { return errNotLinux }
