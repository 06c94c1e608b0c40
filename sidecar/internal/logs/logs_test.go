package logs

import (
	"testing"
	"testing/synctest"
	"time"
)

// The process ends even if the log cannot be closed because its receiver hangs.
func TestLogThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := make(chan struct{})
		l := &Logs{stop: func() { <-hanging }}
		began := time.Now()
		l.Close()
		if took := time.Since(began); took != endTime {
			t.Errorf("Close gives up after %s, want %s", took, endTime)
		}
		close(hanging)
	})
}
