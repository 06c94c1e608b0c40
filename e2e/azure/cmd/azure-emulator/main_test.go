package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/sandbox"
)

// TestMain runs everything in a sandbox, so that the scripts use the real names and ports. Each
// script listens on a different loopback address.
func TestMain(m *testing.M) {
	sandbox.Enter(azure.Hosts("127.0.0.1", "example.vault.azure.net"))
	testscript.Main(m, map[string]func(){"azure-emulator": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}
