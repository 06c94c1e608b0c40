package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The modes of files that need an ACL, on a file system without ACLs. See Options.Private.
const (
	publicMode  = 0o644
	privateMode = 0o600
)

// noACLWarning is the warning that files need an ACL and the file system does not support ACLs.
func (s *Store) noACLWarning() string {
	if !s.options.Private {
		return fmt.Sprintf("the volume of %s does not support POSIX ACLs: "+
			"files meant only for certain users have mode %04o and are readable by every user", s.fs.dir, publicMode)
	}
	return fmt.Sprintf("%s does not support POSIX ACLs: files meant only for certain users have mode %04o, so these users "+
		"cannot read them: move certificateStoreLocation to a file system that supports ACLs (ext4, xfs, btrfs or tmpfs, "+
		"not mounted with noacl), or use fileMode instead of acls", describeMount(s.fs.dir), privateMode)
}

// describeMount names a directory, and the file system that it is on.
func describeMount(dir string) string {
	list, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil {
		if resolved, err := filepath.EvalSymlinks(dir); err == nil {
			if kind, point := findMount(string(list), resolved); kind != "" {
				return fmt.Sprintf("the file system of %s (%s, mounted at %s)", dir, kind, point)
			}
		}
	}
	return "the file system of " + dir
}

// findMount returns the type and the mount point of the file system that contains a path, from the
// list of mounts. Of two mounts at one point, the later one hides the other.
//
// Source: proc_pid_mountinfo(5)
func findMount(mountinfo, path string) (kind, point string) {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(mountinfo) {
		mount, source, ok := strings.Cut(line, " - ")
		fields, rest := strings.Fields(mount), strings.Fields(source)
		if !ok || len(fields) < 5 || len(rest) == 0 {
			continue
		}
		at := unescape.Replace(fields[4])
		contains := path == at || strings.HasPrefix(path, strings.TrimSuffix(at, "/")+"/")
		if contains && len(at) >= len(point) {
			kind, point = rest[0], at
		}
	}
	return kind, point
}
