package health

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Prometheus' client library would add 2.4 MB of program and as much memory, mostly for protocol buffers,
// to a process that runs in every pod and sleeps. The text format is a dozen lines; the test reads it with
// Prometheus' own parser.
//
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// family is a counter or gauge with all of its series. It is safe for concurrent use.
type family struct {
	name, kind, help string
	labels           []string

	mu     sync.Mutex
	series map[string]float64 // by the rendered labels
}

func newFamily(kind, name, help string, labels ...string) *family {
	return &family{name: name, kind: kind, help: help, labels: labels, series: map[string]float64{}}
}

// add adds to the series with these label values, which begins at zero.
func (f *family) add(v float64, values ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.series[render(f.labels, values)] += v
}

// replace forgets all series and takes over others, by rendered labels.
func (f *family) replace(series map[string]float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.series = series
}

func (f *family) write(w io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	head(w, f.kind, f.name, f.help)
	for _, labels := range slices.Sorted(maps.Keys(f.series)) {
		sample(w, f.name, labels, f.series[labels])
	}
}

// histogram has one label. It is safe for concurrent use.
type histogram struct {
	name, help, label string
	bounds            []float64 // upper, rising

	mu     sync.Mutex
	series map[string]*distribution
}

type distribution struct {
	counts []uint64 // one for each bound, and one above the last
	sum    float64
}

func (h *histogram) observe(v float64, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.series == nil {
		h.series = map[string]*distribution{}
	}
	d := h.series[value]
	if d == nil {
		d = &distribution{counts: make([]uint64, len(h.bounds)+1)}
		h.series[value] = d
	}
	i, _ := slices.BinarySearch(h.bounds, v) // a bound belongs to its bucket
	d.counts[i]++
	d.sum += v
}

func (h *histogram) write(w io.Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	head(w, "histogram", h.name, h.help)
	for _, value := range slices.Sorted(maps.Keys(h.series)) {
		d := h.series[value]
		var below uint64
		for i, n := range d.counts {
			below += n
			bound := "+Inf"
			if i < len(h.bounds) {
				bound = number(h.bounds[i])
			}
			sample(w, h.name+"_bucket", render([]string{h.label, "le"}, []string{value, bound}), float64(below))
		}
		labels := render([]string{h.label}, []string{value})
		sample(w, h.name+"_sum", labels, d.sum)
		sample(w, h.name+"_count", labels, float64(below))
	}
}

func head(w io.Writer, kind, name, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func sample(w io.Writer, name, labels string, v float64) {
	fmt.Fprintf(w, "%s%s %s\n", name, labels, number(v))
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// render writes labels as the format wants them; nothing where there are none.
func render(names, values []string) string {
	if len(names) == 0 {
		return ""
	}
	pairs := make([]string, len(names))
	for i, name := range names {
		pairs[i] = name + `="` + escaper.Replace(values[i]) + `"`
	}
	return "{" + strings.Join(pairs, ",") + "}"
}
