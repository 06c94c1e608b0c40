package contract

import (
	"path"
	"strings"
)

const reasonWindowsStore = "is a certificate store of Windows: on Linux this is a directory, as in " + DefaultStoreLocation

// windowsStore tells whether a location is one of the extension for Windows.
func windowsStore(location string) bool {
	return strings.EqualFold(location, "LocalMachine") || strings.EqualFold(location, "CurrentUser")
}

// storeLocation returns the directory, or "" where it is refused. One slash at the end is tolerated,
// since the extension's documentation writes its default so.
func (v *validator) storeLocation(parent, location string) string {
	at := parent + ".certificateStoreLocation"
	clean := location
	if len(clean) > 1 {
		clean = strings.TrimSuffix(clean, "/")
	}
	reason := checkStore(clean)
	if reason == "" && v.mode == Pod {
		reason = checkPodStore(clean)
	}
	if reason != "" {
		v.fail(at, location, "%s", reason)
		return ""
	}
	return clean
}

func checkStore(location string) string {
	if windowsStore(location) {
		return reasonWindowsStore
	}
	if reason := checkAbsolute(location); reason != "" {
		return reason
	}
	if location == "/" {
		return "the root directory is no place for a store"
	}
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if within(location, dir) {
			return "is under " + dir + ", which the kernel keeps"
		}
	}
	return ""
}

// checkPodStore checks a location that becomes a volume's mount in the containers.
func checkPodStore(location string) string {
	if strings.Contains(location, ":") {
		return "a colon is not allowed: a volume is mounted there"
	}
	for _, dir := range []string{TokenMountPath, SettingsMountPath, RunMountPath} {
		if within(location, dir) || within(dir, location) {
			return "overlaps with " + dir + ", which the sidecar keeps for itself"
		}
	}
	if within(systemCertificates, location) {
		return "would hide " + systemCertificates + ", which TLS needs: choose a directory below it or elsewhere"
	}
	return ""
}

// systemCertificates is where images keep the certificates that they trust.
const systemCertificates = "/etc/ssl/certs"

// checkAbsolute returns why p is no absolute, clean path, or "".
func checkAbsolute(p string) string {
	switch {
	case !path.IsAbs(p):
		return "an absolute path is needed"
	case strings.ContainsFunc(p, isControl):
		return "control characters are not allowed"
	case len(p) >= 4096: // PATH_MAX
		return "is too long for a path"
	case path.Clean(p) != p:
		return "write it without //, . and .., as " + quote(path.Clean(p))
	}
	return ""
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// within tells whether the clean path p is dir or below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}
