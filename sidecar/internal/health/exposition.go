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

// contentType is that of Prometheus' text format.
//
// Prometheus' client library would add 2.4 MB to the program and as much to its memory, mostly for
// protocol buffers, although this process runs in every pod and sleeps most of the time. The text
// format needs a dozen lines. The tests read it with Prometheus' parser.
//
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// metric is a family or a histogram.
type metric interface {
	write(w io.Writer)
	describe() Description
}

// Description describes a metric.
type Description struct {
	Name, Kind, Help string
	Labels           []string
}

// family is a counter or gauge with all its series. It is safe for concurrent use.
type family struct {
	name, kind, help string
	labels           []string

	mu     sync.Mutex
	series map[string]float64 // by formatted labels
}

func newFamily(kind, name, help string, labels ...string) *family {
	return &family{name: name, kind: kind, help: help, labels: labels, series: map[string]float64{}}
}

// add increases the series with these label values by v. A new series starts at zero.
func (f *family) add(v float64, values ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.series[formatLabels(f.labels, values)] += v
}

// set sets the series with these label values to v.
func (f *family) set(v float64, values ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.series[formatLabels(f.labels, values)] = v
}

// replace replaces all series. The keys are formatted labels.
func (f *family) replace(series map[string]float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.series = series
}

func (f *family) describe() Description { return Description{f.name, f.kind, f.help, f.labels} }

func (f *family) write(w io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	writeHeader(w, f.kind, f.name, f.help)
	for _, labels := range slices.Sorted(maps.Keys(f.series)) {
		writeSample(w, f.name, labels, f.series[labels])
	}
}

// histogram has one label. It is safe for concurrent use.
type histogram struct {
	name, help, label string
	bounds            []float64 // upper bounds, ascending

	mu     sync.Mutex
	series map[string]*distribution
}

type distribution struct {
	counts []uint64 // one for each bound, and one for values above the last bound
	sum    float64
}

func (h *histogram) describe() Description {
	return Description{h.name, "histogram", h.help, []string{h.label}}
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
	i, _ := slices.BinarySearch(h.bounds, v) // the bucket includes its upper bound
	d.counts[i]++
	d.sum += v
}

func (h *histogram) write(w io.Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	writeHeader(w, "histogram", h.name, h.help)
	for _, value := range slices.Sorted(maps.Keys(h.series)) {
		d := h.series[value]
		var cumulative uint64
		for i, n := range d.counts {
			cumulative += n
			bound := "+Inf"
			if i < len(h.bounds) {
				bound = formatNumber(h.bounds[i])
			}
			writeSample(w, h.name+"_bucket", formatLabels([]string{h.label, "le"}, []string{value, bound}), float64(cumulative))
		}
		labels := formatLabels([]string{h.label}, []string{value})
		writeSample(w, h.name+"_sum", labels, d.sum)
		writeSample(w, h.name+"_count", labels, float64(cumulative))
	}
}

func writeHeader(w io.Writer, kind, name, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func writeSample(w io.Writer, name, labels string, v float64) {
	fmt.Fprintf(w, "%s%s %s\n", name, labels, formatNumber(v))
}

func formatNumber(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// formatLabels returns labels as the format requires, or an empty string if there are no labels.
func formatLabels(names, values []string) string {
	if len(names) == 0 {
		return ""
	}
	pairs := make([]string, len(names))
	for i, name := range names {
		pairs[i] = name + `="` + escaper.Replace(values[i]) + `"`
	}
	return "{" + strings.Join(pairs, ",") + "}"
}
