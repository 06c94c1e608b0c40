package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cluster": main})
}

// The scripts show the messages for wrong usage, and that "down" succeeds without a cluster.
// TestLifecycle of package cluster tests real nodes.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}
