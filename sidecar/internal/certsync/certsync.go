// Package certsync is the loop that keeps the certificates in stores up to date with Key Vault.
//
// It guarantees:
//   - Each poll requests every certificate once. All changes of a store are written together, in
//     one Commit.
//   - A certificate that fails keeps its last good version and does not hold back the others.
//   - Many loops on one vault share its limit: they do not poll together because they started
//     together, and one that is throttled asks for one certificate before it asks for the others.
//   - A store whose directory is removed, replaced or mounted over is filled again within 30 s.
//   - A newer version that is not valid yet waits while the store has an older one.
//   - A newer version that has expired does not replace one that is valid.
//   - Readiness latches: once ready, always ready.
//   - The loop starts from what the stores contain: if they are complete, it is ready before its
//     first request.
//   - Polls keep their pace when the machine's clock is set, and happen at once when a suspended
//     machine wakes up.
//
// It knows neither Key Vault nor the file system nor Kubernetes: a Source fetches certificates,
// Stores keep them, an Observer receives reports. It reacts to two behaviours of their errors,
// RetryAfter and Permanent. It never deletes a certificate that the settings name, and never stops
// because something failed.
//
// The type parameter C of Source, Stores and Loop is the content of a certificate, private key
// included. The loop passes it from the Source to the Stores, and drops it at the end of the round.
package certsync

import (
	"context"
	"errors"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Source fetches certificates. Several goroutines call Fetch at the same time.
type Source[C any] interface {
	// Fetch returns the version that the certificate names, or else the newest. have is the version
	// in the store, or empty: for that version, which passed all checks before, a Source may skip
	// the checks and leave Leaf empty. Fetch must limit the time that it takes.
	Fetch(ctx context.Context, c contract.Certificate, have string) (Fetched[C], error)
}

// Fetched is the result of a Fetch.
type Fetched[C any] struct {
	Version string
	Leaf    Leaf
	Content *C
	// Warnings are for people: what of the content is left out or may cause trouble.
	Warnings []string
}

// Leaf describes a leaf certificate.
type Leaf struct {
	Fingerprint string
	NotBefore   time.Time
	NotAfter    time.Time
}

// Installed is a certificate in a store.
type Installed struct {
	// FileName is the Certificate.FileName of the certificate in the store. After a change of the
	// settings, a link may still lead to another certificate, until the new one is installed.
	FileName string
	Version  string
	Leaf     Leaf
}

// Item is the desired state of a certificate in its store.
type Item[C any] struct {
	Certificate contract.Certificate
	// Installed is the desired version. An empty Version means that no version is known yet: the
	// store keeps what the link leads to, damaged or not.
	Installed
	// Content is what the Source returned for this version; nil keeps the files in the store.
	Content *C
}

// Stores keep certificates, each in its Certificate.Store.
type Stores[C any] interface {
	// Current returns what the store in a directory contains, by the certificates' LinkName.
	Current(dir string) (map[string]Installed, error)
	// InPlace reports whether the store in a directory is still there. If the directory was
	// removed, replaced or mounted over, Current and Commit create the store again.
	InPlace(dir string) bool
	// Commit changes the store to contain exactly these items, all at once. After an error the
	// store is unchanged. The loop calls it after every poll, also when nothing changed.
	Commit(dir string, items []Item[C]) (Committed, error)
}

// Committed is the result of a Commit.
type Committed struct {
	Changed bool
	// Missing are the LinkNames of items with a Version and without Content whose files are missing
	// from the store or damaged. The loop fetches them again.
	Missing []string
	// Failed are the items, by LinkName, that could not be converted to files or written. The store
	// keeps what it had of them.
	Failed map[string]error
	// Warnings are for people.
	Warnings []string
}

// Observer follows what the loop does. Its methods must not block.
type Observer interface {
	// Beat is the loop's heartbeat. The loop calls it at least every 30 seconds, plus the time that
	// one fetch or commit takes.
	Beat()
	// Report is called when the loop begins and after every round.
	Report(Report)
}

// State is a state of the Key Vault VM extension.
type State string

// States. A loop is in transition until every certificate was fetched once, or until the initial
// sync has failed MaxAttempts times.
const (
	Transitioning State = "transitioning"
	Success       State = "success"
	Error         State = "error"
)

// Report is the state of the loop.
type Report struct {
	Time  time.Time
	State State
	// Ready latches. Reason describes, in one line, what the loop waits for or what fails.
	Ready  bool
	Reason string
	// Synced reports that a round has ended; Changed is the number of stores that it changed.
	Synced  bool
	Changed int
	// Renewed are the certificates whose version changed in this round.
	Renewed []contract.Certificate
	// Retry reports that the round fetched something again because it had failed before.
	Retry bool
	// Failures has the reason of each failure of this round.
	Failures []string
	// Interval is the time between polls.
	Interval     time.Duration
	Certificates []Status
}

// Status is the state of one certificate.
type Status struct {
	Certificate contract.Certificate
	// Installed is what is in the store; Version is empty if the store has no version.
	Installed Installed
	// LastSuccess is when this process last found or brought the store up to date with the vault;
	// zero: not yet.
	LastSuccess time.Time
	// Waiting is a newer version that is not valid yet.
	Waiting *Installed
	// Err is the last failure, unless a success followed it; ErrTime is when it happened.
	Err     error
	ErrTime time.Time
	// Warnings are those of the installed version and of its store.
	Warnings []string
}

// FailureReason returns the reason of Err, one of contract.FailureReasons, or "" without an error.
func (s Status) FailureReason() string {
	if s.Err == nil {
		return ""
	}
	return reasonOf(s.Err)
}

// Settings are the settings of a loop. They can change while it runs.
type Settings struct {
	// Certificates may be empty: then the loop sends its heartbeat, is ready, and requests nothing.
	Certificates []contract.Certificate
	// Interval is the time between polls; each one is up to 10 % shorter or longer, and the first
	// one up to half if the service asked for pauses during the initial sync.
	Interval time.Duration
	// RequireInitialSync delays readiness until every certificate is in its store.
	RequireInitialSync bool
}

// reasoned is the behaviour of an error that belongs to one of contract's reasons.
type reasoned interface {
	error
	FailureReason() string
}

// retryAfter is the behaviour of an error of a service that asks its clients to pause. Zero leaves
// the length of the pause to the loop. Such a failure does not count as an attempt.
type retryAfter interface {
	error
	RetryAfter() time.Duration
}

// permanent is the behaviour of an error that stays until somebody changes something. The loop
// retries all the same, since somebody may, but Once gives up.
type permanent interface {
	error
	Permanent() bool
}

func reasonOf(err error) string {
	if e, ok := errors.AsType[reasoned](err); ok {
		return e.FailureReason()
	}
	return contract.ReasonOther
}

func throttled(err error) (time.Duration, bool) {
	e, ok := errors.AsType[retryAfter](err)
	if !ok {
		return 0, false
	}
	return e.RetryAfter(), true
}

func isPermanent(err error) bool {
	e, ok := errors.AsType[permanent](err)
	return ok && e.Permanent()
}
