package main

import (
	"testing"
	"time"
)

func TestParseEvent(t *testing.T) {
	at := time.Date(2026, 11, 25, 19, 2, 11, 120_000_000, time.UTC)
	want := runtimeEvent{at: at, topic: taskExited, Container: "c1", ID: "e1", Status: 1}
	got, ok := parseEvent(`2026-11-25 19:02:11.12 +0000 UTC k8s.io /tasks/exit {"container_id":"c1","id":"e1","pid":7,"exit_status":1}`)
	if !ok || !got.at.Equal(at) {
		t.Fatalf("got %+v, %t", got, ok)
	}
	got.at = at
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, line := range []string{"", "a b", "x 19:02:11 +0000 UTC k8s.io /tasks/exit {}", "2026-11-25 19:02:11 +0000 UTC k8s.io /tasks/exit {"} {
		if e, ok := parseEvent(line); ok {
			t.Errorf("%q gives %+v", line, e)
		}
	}
}
