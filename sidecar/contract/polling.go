package contract

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParsePollingInterval reads seconds ("3600") or a Go duration ("1h", "90s"). Space around it is
// ignored. The result is in whole seconds, from MinPollingInterval to MaxPollingInterval; the error
// says which of these rules s violates.
func ParsePollingInterval(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	var d time.Duration
	if digits(s) {
		seconds, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			seconds = math.MaxInt32 // refused below as too large
		}
		d = time.Duration(seconds) * time.Second
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
