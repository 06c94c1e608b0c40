package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// mostShown bounds the violations of one fault in one place that are printed.
const mostShown = 3

// mostText bounds the text of each.
const mostText = 1500

// ledger counts what happens with one fault. Its methods are safe for concurrent use.
type ledger struct {
	fault, holds string

	mu         sync.Mutex
	made       int
	checks     int
	violations int
	shown      []string
	places     map[string]int // violations by where
}

// countFault counts a fault that is made.
func (l *ledger) countFault() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
}

// check counts a check. An error is a violation, and where says in which file, process or phase.
func (l *ledger) check(where string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checks++
	if err == nil {
		return
	}
	l.violations++
	if l.places == nil {
		l.places = map[string]int{}
	}
	if l.places[where]++; l.places[where] <= mostShown {
		text := fmt.Sprintf("%s %s: %s: %.*s", time.Now().Format("15:04:05.000"), l.fault, where, mostText, err.Error())
		l.shown = append(l.shown, text)
		progress("VIOLATION: %s", text)
	}
}

func (l *ledger) summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d faults, %d checks, %d violations", l.made, l.checks, l.violations)
}

// report collects the ledgers.
type report struct {
	mu      sync.Mutex
	ledgers []*ledger
}

func (r *report) add(l *ledger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ledgers = append(r.ledgers, l)
}

// print writes the table, and below it the violations.
func (r *report) print(w io.Writer) {
	slices.SortStableFunc(r.ledgers, func(a, b *ledger) int { return strings.Compare(a.fault, b.fault) })
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "FAULT\tMADE\tCHECKS\tVIOLATIONS")
	var made, checks, violations int
	for _, l := range r.ledgers {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\n", l.fault, l.made, l.checks, l.violations)
		made, checks, violations = made+l.made, checks+l.checks, violations+l.violations
	}
	fmt.Fprintf(tw, "all\t%d\t%d\t%d\n", made, checks, violations)
	_ = tw.Flush() // as for the other lines, nobody could read the error
	for _, l := range r.ledgers {
		if l.violations > 0 {
			fmt.Fprintf(w, "\n%s: %d violations:\n  %s\n", l.fault, l.violations, strings.Join(l.shown, "\n  "))
		}
	}
}

// failed is an error if there is a violation.
func (r *report) failed() error {
	var names []string
	for _, l := range r.ledgers {
		if l.violations > 0 {
			names = append(names, l.fault)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("VIOLATIONS with %d of %d faults: %s", len(names), len(r.ledgers), strings.Join(names, ", "))
}
