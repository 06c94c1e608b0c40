//go:build !linux

package health

import "time"

// processMetrics has only what every system can tell.
type processMetrics struct{ start *family }

func newProcessMetrics() processMetrics {
	m := processMetrics{start: newFamily("gauge", "process_start_time_seconds", "When the process began.")}
	m.start.set(float64(time.Now().Unix()))
	return m
}

func (m processMetrics) families() []*family { return []*family{m.start} }
