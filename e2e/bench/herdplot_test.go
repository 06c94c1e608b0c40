package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// The diagram is well-formed, has a panel for each result, and stays small.
func TestPlotHerd(t *testing.T) {
	results := []herdResult{
		{Pods: 10_000, Certificates: 10, Interval: 3600, Limit: 4000, OutageAt: 10_800, OutageEnd: 11_400, Bins: make([]herdBin, 1440)},
		{Pods: 10_000, Certificates: 10, Interval: 300, Limit: 4000, OutageAt: 1800, OutageEnd: 2400, Bins: make([]herdBin, 360)},
	}
	results[0].Bins[3] = herdBin{Served: 4000, Throttled: 96_000}
	plot, err := plotHerd(results)
	if err != nil {
		t.Fatal(err)
	}
	panels := 0
	for d := xml.NewDecoder(bytes.NewReader(plot)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "g" {
			panels++
		}
	}
	if panels != 2 || len(plot) > 30_000 {
		t.Errorf("%d panels in %d bytes, want 2 in at most 30,000", panels, len(plot))
	}
	for _, want := range []string{"Polling interval 3600 s", "the highest 10 s of each 40 s", "Polling interval 300 s", "limit of the vault: 4,000"} {
		if !strings.Contains(string(plot), want) {
			t.Errorf("the diagram does not say %q", want)
		}
	}
	if _, err := plotHerd(nil); err == nil {
		t.Error("a diagram without results was drawn")
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{7: "7", 999: "999", 4000: "4,000", 1_234_567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
