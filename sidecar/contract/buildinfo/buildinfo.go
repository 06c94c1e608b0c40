// Package buildinfo reports which build a program is: its version, the commit that it was built
// from, and the date of that commit. All programs of the project use it, for --version and for the
// metric certsync_build_info.
//
// A release sets the three values with the linker (see .goreleaser.yaml and the Dockerfiles). For
// other builds, they are what the go command recorded. The package never guesses: what is not known
// is empty, except for the version, which is then "dev".
package buildinfo

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Set by the linker, with -X. The date is in the format of RFC 3339.
var version, commit, date string

// Info describes the build of the running program.
type Info struct {
	Version  string `json:"version"`          // such as "0.1.0", without the "v" of the tag, or "dev"
	Commit   string `json:"commit,omitempty"` // of git, or ""
	Date     string `json:"date,omitempty"`   // of the commit, RFC 3339, or ""
	Go       string `json:"go"`               // such as "go1.26.11"
	Platform string `json:"platform"`         // such as "linux/amd64"
}

// Get returns the build of the running program.
func Get() Info {
	recorded, ok := debug.ReadBuildInfo()
	if !ok {
		recorded = &debug.BuildInfo{}
	}
	return merge(Info{Version: version, Commit: commit, Date: date}, recorded)
}

// merge completes what the linker set with what the go command recorded.
func merge(set Info, recorded *debug.BuildInfo) Info {
	set.Go, set.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
	if set.Version == "" {
		set.Version = strings.TrimPrefix(recorded.Main.Version, "v")
	}
	if set.Version == "" || set.Version == "(devel)" {
		set.Version = "dev"
	}
	if set.Commit != "" {
		return set // the recorded date could be that of another commit
	}
	for _, s := range recorded.Settings {
		switch s.Key {
		case "vcs.revision":
			set.Commit = s.Value
		case "vcs.time":
			set.Date = s.Value
		}
	}
	return set
}

// String returns one line for people, such as
//
//	0.1.0 (commit 3b31a56c9d0e, 2026-11-25T15:50:08Z, go1.26.11, linux/amd64)
func (i Info) String() string {
	var details []string
	if i.Commit != "" {
		details = append(details, "commit "+i.Commit)
	}
	if i.Date != "" {
		details = append(details, i.Date)
	}
	return i.Version + " (" + strings.Join(append(details, i.Go, i.Platform), ", ") + ")"
}
