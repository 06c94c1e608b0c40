// Package certsync is the loop that keeps certificates in their stores as they are in Key Vault.
//
// It guarantees:
//   - Each poll asks for every certificate once. What changed goes into its store together, in one Commit
//     per store.
//   - A certificate that fails keeps its last good version and holds no other one back.
//   - A newer version that is not valid yet waits while an older one is there.
//   - Readiness latches: once ready, always ready.
//   - The loop starts from what the stores have: with everything there it is ready before the first request.
//   - Polls keep their pace when the machine's clock is set, and come at once when a suspended machine wakes up.
//
// It knows neither Key Vault nor the file system nor Kubernetes: a Source gets certificates, Stores keep
// them, an Observer is told. It reacts to two behaviours of their errors, RetryAfter and Permanent.
// It never deletes a certificate that is still asked for, and never stops because something failed.
package certsync

import (
	"context"
	"errors"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Source gets certificates. Fetch is called by several goroutines at once.
type Source interface {
	// Fetch gets the version that the certificate names, or the newest. have is the version in the store,
	// empty without one: a Source may leave out checks of a version that passed them before, and Leaf then.
	// It must bound the time that it takes.
	Fetch(ctx context.Context, c contract.Certificate, have string) (Fetched, error)
}

// Fetched is what a Source gets.
type Fetched struct {
	Version string
	Leaf    Leaf
	// Content is handed to Stores as it is.
	Content any
}

// Leaf describes a leaf certificate.
type Leaf struct {
	Fingerprint string
	NotBefore   time.Time
	NotAfter    time.Time
}

// Installed is a certificate in a store.
type Installed struct {
	// FileName is the Certificate.FileName of what is there: after a change of the settings, the link may
	// still lead to another certificate, which stays until the new one is there.
	FileName string
	Version  string
	Leaf     Leaf
}

// Item is a certificate as it is to be in its store.
type Item struct {
	Certificate contract.Certificate
	Installed
	// Content is what the Source got for this version; nil keeps what the store has of it. With an empty
	// Version there is none yet, and whatever the link may lead to, damaged or not, is kept until there is.
	Content any
}

// Stores keep certificates, each in its Certificate.Store.
type Stores interface {
	// Current returns what the store in a directory has, by the certificates' LinkName.
	Current(dir string) (map[string]Installed, error)
	// Commit makes the store hold exactly these items, all at once. After an error it holds what it
	// held before. It is called after every poll, changed or not.
	Commit(dir string, items []Item) (Committed, error)
}

// Committed is what a Commit came to.
type Committed struct {
	Changed bool
	// Missing are the LinkNames of items with a Version and without Content that the store does not have any
	// more, or not whole. They are fetched again.
	Missing []string
	// Failed are the items, by LinkName, of which the content could not be put into files. Of these the
	// store has what it had.
	Failed map[string]error
	// Warnings are for people.
	Warnings []string
}

// Observer is told what the loop does. Its methods must not block.
type Observer interface {
	// Beat is called while the loop turns, every 30 seconds at the latest but for the time that one
	// fetch or commit takes.
	Beat()
	// Report is called when the loop begins and after every round.
	Report(Report)
}

// State is that of the Key Vault VM extension.
type State string

// States. A loop is in transition until every certificate was fetched once, or until the initial sync
// has failed MaxAttempts times.
const (
	Transitioning State = "transitioning"
	Success       State = "success"
	Error         State = "error"
)

// Report says where the loop stands.
type Report struct {
	Time  time.Time
	State State
	// Ready latches. Reason says, in one line, what is waited for or what fails.
	Ready  bool
	Reason string
	// Synced says that a round has ended; Changed how many stores were changed in it.
	Synced  bool
	Changed int
	// Renewed are the certificates of which another version was installed in this round.
	Renewed []contract.Certificate
	// Retry says that something was fetched again because it had failed.
	Retry        bool
	Certificates []Status
}

// Status is that of one certificate.
type Status struct {
	Certificate contract.Certificate
	// Installed is what is in the store; Version is empty where nothing is.
	Installed Installed
	// LastSuccess is when the store was last found, or made, to have what the vault has; zero: not by this process.
	LastSuccess time.Time
	// Waiting is a newer version that is not valid yet.
	Waiting *Installed
	// Err is the last failure, if it was not followed by a success; ErrTime when it happened.
	Err      error
	ErrTime  time.Time
	Warnings []string
}

// Settings are what a running loop can be given anew.
type Settings struct {
	// Certificates may be none: then the loop turns, is ready, and asks for nothing.
	Certificates []contract.Certificate
	// Interval is the time between polls; each one is up to 10 % shorter or longer.
	Interval time.Duration
	// RequireInitialSync makes readiness wait until every certificate is in its store.
	RequireInitialSync bool
}

// retryAfter is the behaviour of an error of a service that wants to be left alone for a while; zero
// leaves the time to the loop. Such a failure is waited out and is no attempt.
type retryAfter interface {
	error
	RetryAfter() time.Duration
}

// permanent is the behaviour of an error that stays until somebody changes something. The loop goes on
// trying, since somebody may, but Once gives up.
type permanent interface {
	error
	Permanent() bool
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
