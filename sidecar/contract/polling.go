package contract

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// ParsePollingInterval reads seconds ("3600", see wholeNumber) or a Go duration ("1h", "90s").
// Space around it is ignored. The result is in whole seconds, from MinPollingInterval to
// MaxPollingInterval; the error says which of these rules s violates.
func ParsePollingInterval(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	var d time.Duration
	if seconds, ok := wholeNumber(s); ok && seconds >= 0 {
		d = time.Duration(min(seconds, math.MaxInt32)) * time.Second // more is refused below
	} else if digits(s) {
		d = math.MaxInt64 // more than an int64 can hold
	} else {
		var err error
		if d, err = time.ParseDuration(s); err != nil {
			return 0, fmt.Errorf(`expected whole seconds or a Go duration, as in "3600" or "1h"`)
		}
	}
	if err := checkPollingInterval(d); err != nil {
		return 0, err
	}
	return d, nil
}

func checkPollingInterval(d time.Duration) error {
	switch {
	case d < MinPollingInterval:
		return fmt.Errorf("at least %d seconds are required", int(MinPollingInterval.Seconds()))
	case d > MaxPollingInterval:
		return fmt.Errorf("at most %d seconds (%d days) are allowed", int(MaxPollingInterval.Seconds()), int(MaxPollingInterval.Hours()/24))
	case d%time.Second != 0:
		return fmt.Errorf("whole seconds are required")
	}
	return nil
}
