// Command kubectl-certsync is a plugin of kubectl for people who operate azure-cert-sync or use it
// in their pods: "kubectl certsync". docs/kubectl.md describes its commands.
//
// Exit codes: 0 success; 1 the command failed, or found a problem; 2 wrong arguments; 3 the cluster
// does not respond, or does not allow the request.
package main

import (
	"os"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cli"
)

func main() { os.Exit(cli.Run(buildinfo.Get(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
