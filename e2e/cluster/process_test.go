package cluster

import (
	"strings"
	"testing"
)

func TestRuns(t *testing.T) {
	for cmdline, want := range map[string]bool{
		"/bin/etcd --data-dir=/state":        true,
		"setsid --fork /bin/etcd --data-dir": true,
		"/bin/etcd-proxy":                    false,
		"tail -f /bin/etcd":                  false,
		"setsid":                             false,
		"":                                   false, // a zombie
	} {
		if got := runs([]byte(strings.ReplaceAll(cmdline, " ", "\x00")), "/bin/etcd"); got != want {
			t.Errorf("%q: %t, want %t", cmdline, got, want)
		}
	}
}
