package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The diagram has one panel for each result, with a logarithmic scale from 10 to 200,000 requests.
const (
	plotWidth, panelHeight = 860, 270
	left, right, top       = 70, 30, 40 // margins of a panel
	areaWidth, areaHeight  = plotWidth - left - right, 180
	plotPoints             = 360 // at most, in a line
)

const plotHead = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">
  <title>Requests to Key Vault of %d pods with %d certificates each, simulated</title>
  <style>
    :root { color-scheme: light dark }
    .page { fill: #fff } text { fill: #1f2328 } .grid { stroke: #d1d9e0 } .outage { fill: #ffebe9 }
    .line { fill: none; stroke-width: 1.5; stroke-linejoin: round }
    .all { stroke: #cf222e } .served { stroke: #0969da } .limit { stroke: #9a6700; stroke-dasharray: 6 4 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d } .outage { fill: #3d1d20 }
      .all { stroke: #ff7b72 } .served { stroke: #58a6ff } .limit { stroke: #d29922 }
    }
  </style>
  <rect class="page" width="100%%" height="100%%"/>
`

// plotHerd draws the requests of ten seconds over time: those that the pods send, and those that
// the vault serves.
func plotHerd(results []herdResult) ([]byte, error) {
	if len(results) == 0 {
		return nil, errors.New("the simulation has no results")
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, plotHead, plotWidth, panelHeight*len(results), results[0].Pods, results[0].Certificates)
	for i := range results {
		fmt.Fprintf(&out, "  <g transform=\"translate(0 %d)\">\n", i*panelHeight)
		results[i].panel(&out)
		fmt.Fprint(&out, "  </g>\n")
	}
	fmt.Fprint(&out, "</svg>\n")
	return out.Bytes(), nil
}

func (r *herdResult) panel(out *bytes.Buffer) {
	each := (len(r.Bins) + plotPoints - 1) / plotPoints // bins in a point
	x := func(seconds float64) float64 { return left + seconds/10/float64(len(r.Bins))*areaWidth }
	span := "each 10 s"
	if each > 1 {
		span = fmt.Sprintf("the highest 10 s of each %d s", 10*each)
	}
	fmt.Fprintf(out, "    <text x=\"%d\" y=\"20\" font-size=\"14\">Polling interval %.0f s: requests in 10 s (%s)</text>\n", left, r.Interval, span)
	fmt.Fprintf(out, "    <rect class=\"outage\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n",
		x(r.OutageAt), top, x(r.OutageEnd)-x(r.OutageAt), areaHeight)
	fmt.Fprintf(out, "    <text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">vault fails</text>\n", x((r.OutageAt+r.OutageEnd)/2), top-6)
	for n := 10; n <= 100_000; n *= 10 {
		fmt.Fprintf(out, "    <path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			left, y(n), plotWidth-right, left-8, y(n)+4, thousands(n))
	}
	step := 10 * 60.0
	if float64(len(r.Bins)) > 6*60 {
		step = 30 * 60
	}
	for at := 0.0; at <= float64(len(r.Bins)*10); at += step {
		fmt.Fprintf(out, "    <text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f min</text>\n", x(at), top+areaHeight+18, at/60)
	}
	fmt.Fprintf(out, "    <path class=\"line limit\" d=\"M%d %.1fH%d\"/>\n", left, y(r.Limit), plotWidth-right)
	line(out, "all", r.Bins, each, herdBin.requests)
	line(out, "served", r.Bins, each, func(b herdBin) int { return b.Served })
	legend := left
	for _, l := range []struct{ class, text string }{
		{"all", "sent by the pods"}, {"served", "served by the vault"}, {"limit", "limit of the vault: " + thousands(r.Limit)},
	} {
		fmt.Fprintf(out, "    <path class=\"line %s\" d=\"M%d %dh28\"/><text x=\"%d\" y=\"%d\">%s</text>\n",
			l.class, legend, top+areaHeight+36, legend+34, top+areaHeight+40, l.text)
		legend += 200
	}
}

// line draws the highest of every few bins.
func line(out *bytes.Buffer, class string, bins []herdBin, each int, count func(herdBin) int) {
	fmt.Fprintf(out, "    <polyline class=\"line %s\" points=\"", class)
	i := 0
	for chunk := range slices.Chunk(bins, each) {
		most := 0
		for _, b := range chunk {
			most = max(most, count(b))
		}
		fmt.Fprintf(out, "%.1f,%.1f ", left+float64(i*each)/float64(len(bins))*areaWidth, y(most))
		i++
	}
	fmt.Fprint(out, "\"/>\n")
}

// y is the height of a number of requests in a panel.
func y(requests int) float64 {
	const low, high = 1, 5.301 // log10 of 10 and 200,000
	return top + areaHeight*(1-(math.Log10(float64(max(requests, 10)))-low)/(high-low))
}

// thousands is a number with separators.
func thousands(n int) string {
	text := fmt.Sprint(n)
	var groups []string
	for len(text) > 3 {
		groups, text = append([]string{text[len(text)-3:]}, groups...), text[:len(text)-3]
	}
	return strings.Join(append([]string{text}, groups...), ",")
}
