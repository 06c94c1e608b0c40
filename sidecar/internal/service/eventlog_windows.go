package service

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"

	"golang.org/x/sys/windows/svc/eventlog"
)

// Event IDs, by the severity of the record.
const (
	eventInfo    = 1
	eventWarning = 2
	eventError   = 3
)

// eventHandler is a slog.Handler that writes records to the Event Log, as text without the time and
// the level, which an event has itself.
type eventHandler struct {
	slog.Handler // writes to text
	mu           *sync.Mutex
	text         *bytes.Buffer
	log          *eventlog.Log
}

// newEventHandler returns nil if the Event Log cannot be opened.
func newEventHandler(level slog.Leveler) *eventHandler {
	log, err := eventlog.Open(Name)
	if err != nil {
		return nil
	}
	text := new(bytes.Buffer)
	return &eventHandler{mu: new(sync.Mutex), text: text, log: log, Handler: slog.NewTextHandler(text, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})}
}

// Handle implements slog.Handler.
func (h *eventHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Reset()
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	text := strings.TrimSpace(h.text.String())
	switch {
	case r.Level >= slog.LevelError:
		return h.log.Error(eventError, text)
	case r.Level >= slog.LevelWarn:
		return h.log.Warning(eventWarning, text)
	default:
		return h.log.Info(eventInfo, text)
	}
}

// WithAttrs implements slog.Handler.
func (h *eventHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.Handler = h.Handler.WithAttrs(attrs)
	return &c
}

// WithGroup implements slog.Handler.
func (h *eventHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.Handler = h.Handler.WithGroup(name)
	return &c
}

// report writes why the program has ended to the Event Log. A failure cannot be reported.
func report(err error) {
	log, openErr := eventlog.Open(Name)
	if openErr != nil {
		return
	}
	defer func() { _ = log.Close() }() // nothing is buffered
	_ = log.Error(eventError, err.Error())
}
