package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
)

// A failed attack shows in the table, with its reason below, and in the exit code.
func TestTable(t *testing.T) {
	result := func(err error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return "1 MiB", err }
	}
	p := part{
		attacks: []attack{{"a-good", "2 MiB", result(nil)}, {"b-bad", "2 MiB", result(errors.New("it ended"))}},
		start:   func(context.Context) error { return nil },
		stop:    func(context.Context) {},
	}
	var results table
	if err := results.run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	results.print(&out)
	const want = `ATTACK  COST   LIMIT  RESULT
a-good  1 MiB  2 MiB  ok
b-bad   1 MiB  2 MiB  FAILED

b-bad: it ended
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
	if err := results.failed(); err == nil || !strings.Contains(err.Error(), "1 of 2 attacks FAILED: b-bad") {
		t.Errorf("got %v", err)
	}
}

// Attacks are chosen by the beginning of their names; a name that chooses none is an error.
func TestChoose(t *testing.T) {
	all := []part{{attacks: []attack{{name: "a-one"}, {name: "a-two"}}}, {attacks: []attack{{name: "b-one"}}}}
	chosen, err := choose(all, []string{"a-t"})
	if err != nil || len(chosen) != 1 || len(chosen[0].attacks) != 1 || chosen[0].attacks[0].name != "a-two" {
		t.Errorf("got %v, %v", chosen, err)
	}
	if _, err := choose(all, []string{"c"}); err == nil {
		t.Error("no error")
	}
}

// The requests are for pods that the webhook looks at, and are as large as their names say.
func TestReviews(t *testing.T) {
	for name, c := range map[string]struct {
		request []byte
		part    string
		size    int
	}{
		"annotation": {team.Settings(strings.Repeat("[", 20<<10)), `settings":"[[[[`, 20 << 10},
		"unknown":    {team.Unknown(5000), `certsync.azure.workload.identity/x4999":""`, 200_000},
		"containers": {team.List("containers"), `"containers":[{},{},`, rig.MaxBody - 10_000},
		"container":  {team.Container("env"), `"env":[{},{},`, rig.MaxBody - 10_000},
	} {
		text := string(c.request)
		_, body, _ := strings.Cut(text, "\r\n\r\n")
		if !strings.Contains(text, c.part) || !strings.Contains(text, `"azure.workload.identity/use":"true"`) {
			t.Errorf("%s: %s is missing in %.3000s", name, c.part, text)
		}
		if len(body) < c.size || len(body) > rig.MaxBody {
			t.Errorf("%s: a body of %d bytes", name, len(body))
		}
	}
}
