package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// narrator prints the steps as they happen, with the time that each step took, and a summary.
type narrator struct {
	out   io.Writer
	start time.Time
	steps []step
}

type step struct {
	name, observed string
	took           time.Duration
	failed         bool
}

func newNarrator(out io.Writer) *narrator { return &narrator{out: out, start: time.Now()} }

// during runs a step, and prints what the step observed.
func (n *narrator) during(name string, do func() (observed string, err error)) error {
	fmt.Fprintf(n.out, "\n== %d. %s\n", len(n.steps)+1, name)
	start := time.Now()
	observed, err := do()
	took := time.Since(start)
	n.steps = append(n.steps, step{name, observed, took, err != nil})
	if err != nil {
		return fmt.Errorf("step %d, %s: %w", len(n.steps), name, err)
	}
	fmt.Fprintf(n.out, "   %s (%s)\n", observed, seconds(took))
	return nil
}

// show prints text such as a manifest or a listing, indented.
func (n *narrator) show(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		fmt.Fprintf(n.out, "     %s\n", strings.TrimRight(line, "\n"))
	}
}

func (n *narrator) say(format string, args ...any) {
	fmt.Fprintf(n.out, "   "+format+"\n", args...)
}

// summary prints the table of the steps.
func (n *narrator) summary(err error) {
	fmt.Fprintf(n.out, "\n== Summary\n")
	table := tabwriter.NewWriter(n.out, 0, 0, 2, ' ', 0)
	for i, s := range n.steps {
		result := s.observed
		if s.failed {
			result = "FAILED"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", i+1, s.name, seconds(s.took), result)
	}
	fmt.Fprintf(table, "\ttotal\t%s\t\n", seconds(time.Since(n.start)))
	_ = table.Flush()
	if err == nil {
		fmt.Fprintln(n.out, "every step was observed")
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
