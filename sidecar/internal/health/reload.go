package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// reload is the last attempt to announce a renewal.
type reload struct {
	at      time.Time
	attempt int
	err     error
}

// Reloaded notes an attempt to announce a renewal to other processes, for the status and the metrics. Attempts
// count from 1 for each renewal; after an error there is another one.
func (s *State) Reloaded(attempt int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reload = &reload{at: time.Now(), attempt: attempt, err: err}
	s.metrics.reloads.add(1, string(s.reload.state()))
}

func (r *reload) state() certsync.State {
	if r.err != nil {
		return certsync.Error
	}
	return certsync.Success
}

// substatus is shown beside those of the certificates.
func (r *reload) substatus() substatus {
	text := "last renewal announced " + stamp(r.at)
	if r.err != nil {
		text = fmt.Sprintf("last renewal not announced yet, attempt %d failed %s: %s",
			r.attempt, stamp(r.at), strings.ReplaceAll(r.err.Error(), "\n", "; "))
	}
	return substatus{Name: "reload", Status: string(r.state()), Code: code(r.state()), FormattedMessage: english(text)}
}
