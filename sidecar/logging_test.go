package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// Where the log cannot be ended, since what it is told to hangs, the process ends all the same.
func TestLogThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := make(chan struct{})
		l := &logs{stop: func() { <-hanging }}
		began := time.Now()
		l.close()
		if took := time.Since(began); took != endTime {
			t.Errorf("it takes %s to give up, want %s", took, endTime)
		}
		close(hanging)
	})
}
