package health

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// statusFile is the status file of Azure's VM extensions: a list with one element. States are in
// lower case.
//
// Source: https://github.com/Azure/azure-vmextension-publishing, "Status file"
type statusFile struct {
	Version      string `json:"version"`
	TimestampUTC string `json:"timestampUTC"`
	Status       status `json:"status"`
}

type status struct {
	Operation        string      `json:"operation"`
	Status           string      `json:"status"`
	Code             int         `json:"code"`
	FormattedMessage message     `json:"formattedMessage"`
	Substatus        []substatus `json:"substatus"`
}

type substatus struct {
	Name             string  `json:"name"`
	Status           string  `json:"status"`
	Code             int     `json:"code"`
	FormattedMessage message `json:"formattedMessage"`
	// Reason is an addition to the format: why the certificate fails, one of contract's reasons.
	Reason string `json:"reason,omitempty"`
}

type message struct {
	Lang    string `json:"lang"`
	Message string `json:"message"`
}

// StatusJSON returns the status in the format of the Key Vault VM extension, with one substatus for
// each certificate. After the first renewal that is announced to other processes, there is one more
// substatus, named "reload". The code is 1 if the status is "error", and 0 otherwise.
func (s *State) StatusJSON() []byte {
	s.mu.Lock()
	r, reason, announcement := s.report, s.reason(), s.announcement
	if s.startIsSuccess && r.Ready && r.State == certsync.Transitioning {
		r.State = certsync.Success
	}
	s.mu.Unlock()
	file := statusFile{Version: "1.0", TimestampUTC: timestamp(r.Time), Status: status{
		Operation:        "Certificate sync",
		Status:           string(r.State),
		Code:             code(r.State),
		FormattedMessage: englishMessage(reason),
		Substatus:        []substatus{},
	}}
	for _, c := range r.Certificates {
		state := StateOf(c)
		file.Status.Substatus = append(file.Status.Substatus, substatus{
			Name: c.Certificate.URL, Status: string(state), Code: code(state), FormattedMessage: englishMessage(describe(c)),
			Reason: c.FailureReason(),
		})
	}
	if announcement != nil {
		file.Status.Substatus = append(file.Status.Substatus, announcement.substatus())
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // easier to read
	if err := e.Encode([]statusFile{file}); err != nil {
		panic(err) // impossible: only strings and numbers
	}
	return b.Bytes()
}

// StateOf returns the state of one certificate.
func StateOf(c certsync.Status) certsync.State {
	switch {
	case c.Err != nil:
		return certsync.Error
	case c.Installed.Version == "":
		return certsync.Transitioning
	default:
		return certsync.Success
	}
}

// describe returns everything that is known about a certificate, in one line.
func describe(c certsync.Status) string {
	text := "not in the store"
	if in := c.Installed; in.Version != "" {
		text = fmt.Sprintf("version %s in %s, valid from %s to %s", in.Version, c.Certificate.Place(),
			timestamp(in.Leaf.NotBefore), timestamp(in.Leaf.NotAfter))
		switch t := time.Now(); {
		case in.Leaf.NotAfter.Before(t):
			text += " (expired)"
		case in.Leaf.NotBefore.After(t):
			text += " (not valid yet)"
		}
	}
	if !c.LastSuccess.IsZero() {
		text += "; last success " + timestamp(c.LastSuccess)
	}
	if c.Waiting != nil {
		text += fmt.Sprintf("; version %s will be installed when it becomes valid, %s", c.Waiting.Version, timestamp(c.Waiting.Leaf.NotBefore))
	}
	if c.Err != nil {
		text += fmt.Sprintf("; last error %s: %s", timestamp(c.ErrTime), c.Err)
	}
	for _, w := range c.Warnings {
		text += "; warning: " + w
	}
	return text
}

func code(s certsync.State) int {
	if s == certsync.Error {
		return 1
	}
	return 0
}

func englishMessage(text string) message { return message{Lang: "en", Message: cmp.Or(text, "-")} }

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
