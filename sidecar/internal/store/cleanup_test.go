package store

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestReplacedGenerations checks that a replaced generation stays for ten seconds, also beyond a
// restart, and no longer, without another Commit.
func TestReplacedGenerations(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, dir)
		s.gracePeriod = readerGracePeriod
		mustCommit(t, s, pemEntry("v.a", "1"))
		resolved, err := filepath.EvalSymlinks(filepath.Join(dir, "v.a"))
		if err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, pemEntry("v.a", "2"))
		time.Sleep(readerGracePeriod - time.Nanosecond)
		synctest.Wait()
		if data, err := os.ReadFile(resolved); err != nil || string(data) != "pem of v.a 1\n" {
			t.Errorf("a reader with a resolved path got %q, error %v", data, err)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		wantClean(t, dir, 1)
		for version := range 3 * maxReplaced {
			mustCommit(t, s, pemEntry("v.a", strconv.Itoa(version)))
		}
		wantClean(t, dir, 1+maxReplaced)
	})
}

// TestReplacedGenerationsOutliveTheProcess checks that a process that starts within ten seconds of
// a swap leaves the last readers their time, and one that starts later does not.
func TestReplacedGenerationsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	s.gracePeriod = time.Hour
	mustCommit(t, s, pemEntry("v.a", "1"))
	mustCommit(t, s, pemEntry("v.a", "2"))
	mustClose(t, s)
	for _, start := range []struct {
		gracePeriod time.Duration
		generations int
	}{{time.Hour, 2}, {time.Nanosecond, 1}} {
		s, _, err := open(dir, Options{}, start.gracePeriod, nil)
		if err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
		if got := generations(t, dir); got != start.generations {
			t.Errorf("with a grace period of %s: got %d generations, want %d", start.gracePeriod, got, start.generations)
		}
	}
}
