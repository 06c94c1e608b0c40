package config

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"
)

// watchInterval is the time between two looks at the settings file. The kubelet updates the file of
// a ConfigMap up to a minute after an edit anyway.
const watchInterval = 10 * time.Second

// Target is the part of the program that a Watcher reconfigures. The Watcher never calls its
// methods concurrently.
type Target interface {
	// Apply puts the next configuration into force in place of the running one.
	Apply(running, next *Loaded)
	// Notice shows to people why an edit is refused; with an empty text, no edit is refused any
	// more.
	Notice(text string)
}

// Watcher makes edits of the settings file take effect. It refuses an edit that cannot be used, or
// that needs a new pod or a restart: the running configuration stays in force, and log and Target
// show why.
type Watcher struct {
	options Options
	target  Target
	log     *slog.Logger

	mu      sync.Mutex
	running *Loaded
	refused string // why the last edit is refused; empty if it is not
	// judged is the content of the file that was parsed last, and verdict is why it is refused.
	judged     digest
	judgedFile string
	verdict    error
}

// NewWatcher returns a Watcher for a process that runs with a configuration. Call Start first.
func NewWatcher(o Options, running *Loaded, target Target, log *slog.Logger) *Watcher {
	return &Watcher{
		options: o, running: running, target: target, log: log,
		judged: running.judged, judgedFile: running.File, verdict: running.Refused,
	}
}

// Start saves the running configuration as the last known good one, and reports why it is not the
// newest if that is so. Call it when the running configuration is in force.
func (w *Watcher) Start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.save()
	w.running.EndParsing(w.options)
	if w.running.Refused != nil {
		w.refuse(w.running.Refused)
	}
}

// Run checks the file regularly until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.Check()
		case <-ctx.Done():
			return
		}
	}
}

// Check reads the file, and applies or refuses an edit. It is safe for concurrent use.
func (w *Watcher) Check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running.File == "" {
		return
	}
	content, file, err := readFile(cmp.Or(w.options.File, w.running.File)) // not optional: a file that was removed is an edit that cannot be used
	if err != nil {
		w.refuse(err)
		return
	}
	if d := digestOf(content); d != w.judged || file != w.judgedFile {
		w.options.beginParsing(d)
		w.verdict = w.judge(content, file)
		w.judged, w.judgedFile = d, file
		w.options.endParsing()
	}
	if w.verdict != nil {
		w.refuse(w.verdict)
	} else {
		w.accept()
	}
}

// judge applies new content of the file. The error says why it cannot be used.
func (w *Watcher) judge(content []byte, file string) error {
	next, err := parse(w.options, content, file)
	if err != nil || next.text == w.running.text && next.File == w.running.File {
		return err
	}
	if w.options.Host {
		err = needsRestart(w.running, next)
	} else {
		err = needsNewPod(w.running, next)
	}
	if err != nil {
		return err
	}
	w.accept()
	w.log.Info("settings have changed", "file", next.File, "certificates", len(next.Certificates))
	next.LogWarnings(w.log)
	running := w.running
	w.running = next
	w.target.Apply(running, next)
	w.save()
	return nil
}

func (w *Watcher) accept() {
	w.refused = ""
	w.target.Notice("")
}

// refuse reports a refused edit, once for each reason.
func (w *Watcher) refuse(err error) {
	const message = "changed settings are refused, the running settings stay in force"
	if text := err.Error(); text != w.refused {
		w.refused = text
		w.log.Error(message, "error", err)
		w.target.Notice(message + ": " + text)
	}
}

func (w *Watcher) save() {
	if err := saveLastKnownGood(w.options, w.running); err != nil {
		w.log.Warn("cannot save the last known good settings: a bad edit would stop the container after a restart", "error", err)
	}
}

// LogWarnings logs the configuration's warnings.
func (l *Loaded) LogWarnings(log *slog.Logger) {
	for _, warning := range l.Warnings {
		log.Warn("settings", "warning", warning)
	}
}
