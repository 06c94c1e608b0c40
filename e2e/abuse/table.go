package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// row is an attack's result.
type row struct {
	attack, cost, limit string
	err                 error
}

// table collects the results.
type table struct{ rows []row }

// run carries out a part's attacks. The error is why they could not be carried out.
func (t *table) run(ctx context.Context, p part) error {
	defer p.stop(ctx)
	if err := p.start(ctx); err != nil {
		return err
	}
	for _, a := range p.attacks {
		begin := time.Now()
		cost, err := a.run(ctx)
		if errors.Is(err, errSetup) || ctx.Err() != nil {
			return fmt.Errorf("%s: %w", a.name, errors.Join(ctx.Err(), err))
		}
		t.rows = append(t.rows, row{a.name, cost, a.limit, err})
		progress("%s: %.0f s: %s: %s", a.name, time.Since(begin).Seconds(), verdict(err), cost)
	}
	return nil
}

func verdict(err error) string {
	if err != nil {
		return "FAILED"
	}
	return "ok"
}

// print writes the table, and below it why attacks failed.
func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ATTACK\tCOST\tLIMIT\tRESULT")
	for _, r := range t.rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", r.attack, r.cost, r.limit, verdict(r.err))
	}
	_ = tw.Flush() // as for the other lines, nobody could read the error
	for _, r := range t.rows {
		if r.err != nil {
			fmt.Fprintf(w, "\n%s: %s\n", r.attack, strings.ReplaceAll(r.err.Error(), "\n", "\n  "))
		}
	}
}

// failed is an error if an attack failed.
func (t *table) failed() error {
	var names []string
	for _, r := range t.rows {
		if r.err != nil {
			names = append(names, r.attack)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d attacks FAILED: %s", len(names), len(t.rows), strings.Join(names, ", "))
}

// mebibytes is a number of bytes as the table shows it.
func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
