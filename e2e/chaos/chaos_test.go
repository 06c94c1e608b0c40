package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The sidecar is killed for some seconds, and nothing must be violated. The whole program takes a
// quarter of an hour: this shows that it still works.
func TestKill(t *testing.T) {
	if testing.Short() || os.Geteuid() != 0 {
		t.Skip("needs root, for network namespaces")
	}
	r, err := newRunner(t.Context(), options{seed: 1, duration: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(r.temp)
	if err := r.all(t.Context(), []fault{kills}); err != nil {
		t.Fatal(err)
	}
	if err := r.report.failed(); err != nil {
		r.report.print(t.Output())
		t.Error(err)
	}
	for _, l := range r.report.ledgers {
		if l.checks < 10 || l.fault == kills.name && l.made < 3 {
			t.Errorf("%s: %s", l.fault, l.summary())
		}
	}
}

// A violation is in the report, with its reason, and makes the run fail.
func TestReport(t *testing.T) {
	r := &report{}
	good := &ledger{fault: "b-good", holds: "all"}
	good.countFault()
	good.check("file", nil)
	bad := &ledger{fault: "a-bad", holds: "more"}
	bad.countFault()
	bad.check("file", nil)
	bad.check("file", errors.New("torn"))
	r.add(good)
	if err := r.failed(); err != nil {
		t.Error(err)
	}
	r.add(bad)
	var out strings.Builder
	r.print(&out)
	const want = `FAULT   MADE  CHECKS  VIOLATIONS
a-bad   1     2       1
b-good  1     1       0
all     2     3       1

a-bad: 1 violations:
`
	if !strings.HasPrefix(out.String(), want) || !strings.HasSuffix(out.String(), " a-bad: file: torn\n") {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
	if err := r.failed(); err == nil || !strings.Contains(err.Error(), "1 of 2 faults: a-bad") {
		t.Errorf("got %v", err)
	}
}

func TestChoose(t *testing.T) {
	chosen, err := choose(faults(), []string{"sidecar-disk", "node-kubelet"})
	if err != nil || len(chosen) != 3 {
		t.Errorf("got %v, %v", chosen, err)
	}
	if _, err := choose(faults(), []string{"x"}); err == nil {
		t.Error("no error")
	}
}

// Each fault has a name of its own, and says what must hold.
func TestFaults(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults() {
		if seen[f.name] || f.holds == "" || f.beside && f.node {
			t.Errorf("%+v", f)
		}
		seen[f.name] = true
	}
}

// The same seed gives the same choices, whichever other faults are chosen, and another seed gives
// others.
func TestSeed(t *testing.T) {
	draw := func(seed uint64) (drawn []time.Duration) {
		r := &runner{options: options{seed: seed}, temp: t.TempDir(), report: &report{}}
		f := fault{name: "a", run: func(_ context.Context, t *trial) error {
			for range 10 {
				drawn = append(drawn, t.between(0, time.Hour))
			}
			return nil
		}}
		if err := r.one(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		return drawn
	}
	if first := draw(1); !slices.Equal(first, draw(1)) || slices.Equal(first, draw(2)) {
		t.Error("the choices do not follow from the seed")
	}
}
