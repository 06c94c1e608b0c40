package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one row of the table.
type figure struct {
	what     string
	target   string // empty without a target
	measured string
	reached  bool
}

// table collects the figures.
type table struct {
	figures    []figure
	begin, end string // load averages
}

// add adds a figure with a target.
func (t *table) add(what, target string, reached bool, measured string, args ...any) {
	t.figures = append(t.figures, figure{what, target, fmt.Sprintf(measured, args...), reached})
}

// note adds a figure without a target.
func (t *table) note(what, measured string, args ...any) {
	t.figures = append(t.figures, figure{what: what, measured: fmt.Sprintf(measured, args...)})
}

// write writes the table.
func (t *table) write(w io.Writer) error {
	fmt.Fprintf(w, "%d CPUs, %s; load average at the beginning %s, at the end %s (the measurements' own included)\n\n",
		runtime.NumCPU(), runtime.Version(), t.begin, t.end)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "WHAT\tTARGET\tMEASURED\tREACHED")
	for _, f := range t.figures {
		verdict := "no"
		switch {
		case f.target == "":
			f.target, verdict = "-", "-"
		case f.reached:
			verdict = "yes"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", f.what, f.target, f.measured, verdict)
	}
	return tw.Flush()
}

// load returns the load average of the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	average, _, _ := strings.Cut(string(text), " ")
	return average
}

// megabytes formats a number of bytes for the table.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// millis formats a duration for the table.
func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }
