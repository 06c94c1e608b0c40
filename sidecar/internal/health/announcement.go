package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// announcement is the last attempt to announce a renewal.
type announcement struct {
	at      time.Time
	attempt int
	err     error
}

// Announced records an attempt to announce a renewal to other processes, for the status and the
// metrics. Attempts are numbered from 1 for each renewal. After an error, another attempt follows.
func (s *State) Announced(attempt int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announcement = &announcement{at: time.Now(), attempt: attempt, err: err}
	s.metrics.reloads.add(1, string(s.announcement.state()))
}

func (a *announcement) state() certsync.State {
	if a.err != nil {
		return certsync.Error
	}
	return certsync.Success
}

// substatus is shown after those of the certificates.
func (a *announcement) substatus() substatus {
	text := "last renewal announced " + timestamp(a.at)
	if a.err != nil {
		text = fmt.Sprintf("last renewal not announced yet, attempt %d failed %s: %s",
			a.attempt, timestamp(a.at), strings.ReplaceAll(a.err.Error(), "\n", "; "))
	}
	return substatus{Name: "reload", Status: string(a.state()), Code: code(a.state()), FormattedMessage: englishMessage(text)}
}
