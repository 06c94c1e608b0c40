package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kubectl-certsync": main})
}

// TestScripts runs the commands that need no cluster, and what they say without one.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, UpdateScripts: *update})
}

// TestCluster runs the commands against a real API server without nodes, so that all objects,
// errors and permissions are real. What needs a running sidecar is tested in e2e.
func TestCluster(t *testing.T) {
	server := startAPIServer(t)
	manifests, err := filepath.Abs("../../deploy/azure-cert-sync.yaml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/cluster", RequireExplicitExec: true, UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(server.kubectl)+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("MANIFESTS", manifests)
			env.Setenv("KUBECONFIG", filepath.Join(env.WorkDir, "kubeconfig"))
			return os.WriteFile(env.Getenv("KUBECONFIG"), server.kubeconfig, 0o600)
		},
	})
}
