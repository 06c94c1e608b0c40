package health

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// processMetrics are the names that Prometheus' client libraries use for these values.
//
// Source: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
type processMetrics struct{ memory, cpu, start *family }

func newProcessMetrics() processMetrics {
	m := processMetrics{
		memory: newFamily("gauge", "process_resident_memory_bytes", "Resident memory of the process, with the pages of the program file."),
		cpu:    newFamily("counter", "process_cpu_seconds_total", "CPU time of the process, user and system."),
		start:  newFamily("gauge", "process_start_time_seconds", "When the process began."),
	}
	m.start.set(float64(time.Now().Unix()))
	return m
}

// families reads the current values.
func (m processMetrics) families() []*family {
	if resident, ok := residentMemory(); ok {
		m.memory.set(float64(resident))
	}
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		m.cpu.set(seconds(usage.Utime) + seconds(usage.Stime))
	}
	return []*family{m.memory, m.cpu, m.start}
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// residentMemory returns the second number of statm, which counts pages.
//
// Source: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
func residentMemory() (bytesResident int, ok bool) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.Atoi(string(fields[1]))
	return pages * os.Getpagesize(), err == nil
}
