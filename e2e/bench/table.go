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

// figure is a row of the table.
type figure struct {
	what     string
	target   string // empty if it has none
	measured string
	reached  bool
	// peer is what was measured of the peer, and ratio how many times better ours is; both are
	// empty without a peer.
	peer, ratio string
}

// table collects the figures.
type table struct {
	figures    []figure
	begin, end string // what the machine was like
}

// add adds a figure that has a target.
func (t *table) add(what, target string, reached bool, measured string, args ...any) {
	t.figures = append(t.figures, figure{what: what, target: target, measured: fmt.Sprintf(measured, args...), reached: reached})
}

// note adds a figure that has no target.
func (t *table) note(what, measured string, args ...any) {
	t.figures = append(t.figures, figure{what: what, measured: fmt.Sprintf(measured, args...)})
}

// versus adds to the last figure what was measured of the peer, and how many times better ours is.
func (t *table) versus(peer string, ratio float64) {
	last := &t.figures[len(t.figures)-1]
	last.peer, last.ratio = peer, fmt.Sprintf("%.2fx", ratio)
}

// print writes the table.
func (t *table) print(w io.Writer) error {
	fmt.Fprintf(w, "%d CPUs, %s; load average at the beginning %s, at the end %s (the measurements' own included)\n\n",
		runtime.NumCPU(), runtime.Version(), t.begin, t.end)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "WHAT\tTARGET\tMEASURED\tREACHED\tPEER\tOURS BETTER")
	for _, f := range t.figures {
		verdict := "no"
		switch {
		case f.target == "":
			f.target, verdict = "-", "-"
		case f.reached:
			verdict = "yes"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", f.what, f.target, f.measured, verdict, f.peer, f.ratio)
	}
	return tw.Flush()
}

// load is the load average of the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	average, _, _ := strings.Cut(string(text), " ")
	return average
}

// megabytes is a number of bytes as the table has it.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// millis is a duration as the table has it.
func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }

// micros is a number of seconds as the table has it, as are inSeconds and, for a rate, perSecond.
func micros(s float64) string { return fmt.Sprintf("%.0f us", s*1e6) }

func inSeconds(s float64) string { return fmt.Sprintf("%.2f s", s) }

func perSecond(n float64) string { return fmt.Sprintf("%.0f/s", n) }
