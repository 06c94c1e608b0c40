// Command program prints its build.
package main

import (
	"fmt"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
)

func main() { fmt.Print(buildinfo.Get()) }
