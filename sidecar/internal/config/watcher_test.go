package config

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An edit takes effect within the interval, a bad one is refused until it is corrected, and each is
// reported once.
func TestWatcher(t *testing.T) {
	p := newPod(t, with("web"))
	synctest.Test(t, func(t *testing.T) {
		r := p.start(t)
		ctx, cancel := context.WithCancel(t.Context())
		go r.Run(ctx)
		wait := func() {
			time.Sleep(3 * watchInterval)
			synctest.Wait()
		}
		wait()
		if r.applied != 0 {
			t.Errorf("without an edit, settings are applied %d times", r.applied)
		}
		p.edit(t, with("api", `"linkOnRenewal":true`))
		wait()
		r.want(t, "api", "")
		p.edit(t, with("bad", `"port":80`))
		wait()
		r.want(t, "api", "changed settings are refused, the running settings stay in force: "+p.File+": ")
		p.remove(t)
		wait()
		r.want(t, "api", "changed settings are refused, the running settings stay in force: settings file: open "+p.File+": no such file or directory")
		p.edit(t, with("api", `"linkOnRenewal":true`)) // as before
		wait()
		r.want(t, "api", "")
		if r.applied != 1 {
			t.Errorf("settings are applied %d times, want once", r.applied)
		}
		cancel()
		synctest.Wait()
		p.edit(t, with("late"))
		wait()
		r.want(t, "api", "")
		want := []string{
			"settings have changed", "settings", // with a warning
			"changed settings are refused, the running settings stay in force", "changed settings are refused, the running settings stay in force",
		}
		if diff := cmp.Diff(want, r.logged(t)); diff != "" {
			t.Errorf("log messages (-want +got):\n%s", diff)
		}
	})
}

// An edit that only changes the layout of the file is not a change.
func TestLayoutIsNotAChange(t *testing.T) {
	p := newPod(t, with("web"))
	r := p.start(t)
	p.edit(t, with("web")+"\n\n")
	r.Check()
	if r.applied != 0 || slices.Contains(r.logged(t), "settings have changed") {
		t.Errorf("applied %d times, log: %s", r.applied, &r.log)
	}
}

// A pod and a host refuse different edits.
func TestImmutable(t *testing.T) {
	for name, test := range map[string]struct {
		host         bool
		edit         string
		name, notice string
	}{
		"pod: store":  {false, with("api", `"certificateStoreLocation":"/elsewhere"`), "web", "certificateStoreLocation /elsewhere needs a new pod"},
		"host: store": {true, with("api", `"certificateStoreLocation":"/elsewhere"`), "api", ""},
		"pod: port":   {false, with("api", `"port":3000`), "web", "another port needs a new pod"},
		"host: port":  {true, with("api", `"port":3000`), "web", "another port needs a restart of certsync"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, with("web"))
			p.Host = test.host
			r := p.start(t)
			p.edit(t, test.edit)
			r.Check()
			r.want(t, test.name, test.notice)
		})
	}
}

// Settings without a file cannot change.
func TestNoFile(t *testing.T) {
	p := newPod(t, "")
	p.File = ""
	setVariables(t, with("web"), "")
	r := p.start(t)
	setVariables(t, with("api"), "")
	r.Check()
	r.want(t, "web", "")
}
