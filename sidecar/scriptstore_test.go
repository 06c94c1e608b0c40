package main

import (
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// storeCommand checks that a certificate store of Windows contains exactly these certificates: of
// the vault, by name and number of the version, or others by their subject. An arrow leads to the
// successor that the renewal property names. Those with "(key)" have a private key.
//
//	store LocalMachine|CurrentUser NAME ['web 1 -> web 2 (key)']...
func (w *world) storeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: store LOCATION NAME [CERTIFICATE]...")
	}
	type entry struct {
		SHA1, Serial, Subject, Renewal string
		Key                            bool
	}
	cmd := exec.Command("wine", ts.Getenv("STORELIST"), args[0], args[1])
	for _, name := range []string{"WINEPREFIX", "WINEDEBUG", "TMPDIR", "PATH"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := cmd.Output()
	ts.Check(err)
	var entries []entry
	names := map[string]string{} // by SHA-1
	for line := range strings.Lines(string(out)) {
		var e entry
		ts.Check(json.Unmarshal([]byte(line), &e))
		names[e.SHA1] = w.versionName(ts, e.Subject, e.Serial)
		entries = append(entries, e)
	}
	var got []string
	for _, e := range entries {
		text := names[e.SHA1]
		if e.Renewal != "" {
			text += " -> " + names[e.Renewal]
		}
		if e.Key {
			text += " (key)"
		}
		got = append(got, text)
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(args[2:])); !slices.Equal(got, want) {
		ts.Fatalf("the store contains %q, want %q", got, want)
	}
}

// versionName returns the name and the number of a version in the script's vault, or else the
// subject.
func (w *world) versionName(ts *testscript.TestScript, subject, serial string) string {
	versions, err := w.Versions(context.Background(), azure.SecretRef{Vault: ts.Getenv("VAULT"), Name: subject})
	if err != nil {
		return subject
	}
	for i, v := range versions {
		if v.Serial == serial {
			return subject + " " + strconv.Itoa(i+1)
		}
	}
	return subject
}
