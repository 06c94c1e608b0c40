//go:build !windows

package control

import "github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"

// DefaultSocket is the socket of the running process.
const DefaultSocket = contract.Socket
