package contract

import (
	"cmp"
	"strings"
)

const reasonWindowsStore = "is a certificate store of Windows: on Linux use a directory, as in " + DefaultStoreLocation

// windowsStore reports whether a location is a store location of the extension for Windows.
func windowsStore(location string) bool {
	return strings.EqualFold(location, LocalMachine) || strings.EqualFold(location, CurrentUser)
}

// defaultStore returns the store of entries that name no other one, or "" if it is invalid.
func (v *validator) defaultStore(s *SecretsManagement) string {
	switch {
	case v.mode == Windows:
		return v.systemStore(PathSecrets, cmp.Or(s.CertificateStoreLocation, LocalMachine), cmp.Or(s.CertificateStoreName, defaultStoreName))
	case s.CertificateStoreLocation != "":
		return v.storeLocation(PathSecrets, s.CertificateStoreLocation)
	default:
		return DefaultStoreLocation
	}
}

// storeLocation returns the directory, or "" if it is invalid. It accepts repeated slashes and one
// at the end, because the documentation of the extension writes its default with both.
func (v *validator) storeLocation(parent, location string) string {
	at := parent + ".certificateStoreLocation"
	clean := singleSlashes(location)
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
		return "the root directory cannot be a store"
	}
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if Within(location, dir) {
			return "is under " + dir + ", which belongs to the kernel"
		}
	}
	return ""
}

// checkPodStore checks a location where a volume is mounted into containers.
func checkPodStore(location string) string {
	if strings.Contains(location, ":") {
		return "a colon is not allowed in the mount path of a volume"
	}
	for _, dir := range []string{TokenMountPath, SettingsMountPath, RunMountPath} {
		if Within(location, dir) || Within(dir, location) {
			return "overlaps with " + dir + ", which is reserved for the sidecar"
		}
	}
	if Within(systemCertificates, location) {
		return "would hide " + systemCertificates + ", which TLS needs: choose a directory below it or elsewhere"
	}
	return ""
}

// systemCertificates is the directory of the trusted CA certificates in most images.
const systemCertificates = "/etc/ssl/certs"
