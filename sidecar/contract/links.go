package contract

import (
	"fmt"
	"slices"
	"strings"
)

// maxLinkName leaves room for the longest suffix in a file name of 255 bytes (NAME_MAX).
const maxLinkName = 255 - len(".keyid")

// suffixes are appended to the name of the link, by format.
var suffixes = map[string][]string{
	FormatPEM:    {""},
	FormatSplit:  {".d"},
	FormatPKCS12: {".p12"},
	FormatJKS:    {".jks"},
	FormatKeyID:  {".pem", ".keyid", ".luma"},
}

// names returns the names in the store that applications open.
func (c Certificate) names() (names []string) {
	for _, f := range c.Formats {
		for _, suffix := range suffixes[f] {
			names = append(names, c.LinkName+suffix)
		}
	}
	return names
}

// isSuffix reports whether a format appends ".<name>" to the link.
func isSuffix(name string) bool {
	for _, list := range suffixes {
		if slices.Contains(list, "."+name) {
			return true
		}
	}
	return false
}

// linkName checks the form of customSymbolicLinkName.
func (v *validator) linkName(path, name string) {
	reason := ""
	switch {
	case strings.Contains(name, "/"):
		reason = "expected a file name without /"
	case name == "." || strings.HasPrefix(name, ".."):
		reason = "must not be . and must not begin with .., which is reserved for the store"
	case strings.ContainsFunc(name, isControl):
		reason = "control characters are not allowed"
	case len(name) > maxLinkName:
		reason = fmt.Sprintf("is %d bytes long: at most %d are allowed, so that a suffix fits", len(name), maxLinkName)
	default:
		return
	}
	v.fail(path, name, "%s", reason)
}

// claim is a certificate with the path of its entry in the settings.
type claim struct {
	path string
	Certificate
}

// storeName is a name at the top level of a store.
type storeName struct{ store, name string }

// linkTable records which entry writes which names in which store.
type linkTable struct {
	claims []claim
	// links are the entries that own a link.
	links map[storeName]claim
	// files are the first entries with a Certificate.FileName.
	files map[storeName]claim
}

func newLinkTable() *linkTable {
	return &linkTable{links: make(map[storeName]claim), files: make(map[storeName]claim)}
}

// duplicate reports whether an earlier entry means exactly the same, and warns about it. This is
// not an error: the certificates annotation can repeat a URL of the settings beside it.
func (v *validator) duplicate(path string, c Certificate, t *linkTable) bool {
	other, taken := t.links[storeName{c.Store, c.LinkName}]
	if !taken || other.LinkName != c.LinkName || !sameCertificate(other.Certificate, c) {
		return false
	}
	v.warn(path, "ignored because it is a duplicate of %s", other.path)
	return true
}

// sameCertificate compares everything except the spelling of the URL.
func sameCertificate(a, b Certificate) bool {
	return a.VaultURL == b.VaultURL && a.VaultName == b.VaultName && a.Name == b.Name && a.Version == b.Version &&
		slices.Equal(a.ACLs, b.ACLs) && slices.Equal(a.Formats, b.Formats) && a.Windows.equal(b.Windows) &&
		a.ClientID == b.ClientID && a.TenantID == b.TenantID
}

// claimNames reports a link that two entries would write, or one entry twice. Entries of the same
// certificate share the files of its versions, which is allowed if both grant access to the same
// users and groups.
func (v *validator) claimNames(path string, c Certificate, t *linkTable) {
	current := claim{path: path, Certificate: c}
	names := c.names()
	if !slices.Contains(names, c.LinkName) {
		names = append(names, c.LinkName)
	}
	for _, name := range names {
		key := storeName{c.Store, name}
		if other, taken := t.links[key]; taken {
			v.fail(path, "", "writes %s, and so does %s: %s", placeIn(c.Store, name), other.path, conflictAdvice(current, other))
			return
		}
		t.links[key] = current
	}
	file := storeName{c.Store, c.FileName()}
	if other, shared := t.files[file]; !shared {
		t.files[file] = current
	} else if !slices.Equal(other.ACLs, c.ACLs) {
		v.fail(path+".acls", "", "differ from those of %s, which shares the files: use the same acls for both entries, "+
			"or another certificateStoreLocation for one", other.path)
	}
	t.claims = append(t.claims, current)
}

// conflictAdvice says what to do about two entries that write the same link.
func conflictAdvice(a, b claim) string {
	if a.FileName() == b.FileName() && a.Version == b.Version {
		return "combine them into one entry"
	}
	if isSystemStore(a.Store) {
		return "give one of them another certificateStoreName"
	}
	return "give one of them another customSymbolicLinkName or certificateStoreLocation"
}

// checkVersionNames reports links whose name is, or can become, the name of the file of a version.
// Such a name is "<vault>.<certificate>.<version>"; names of vaults and certificates have no dots.
func (v *validator) checkVersionNames(t *linkTable) {
	for _, c := range t.claims {
		for _, name := range c.names() {
			other, taken := t.files[storeName{c.Store, name}]
			if taken && other.FileName() != c.FileName() {
				v.fail(c.path, "", "writes %s/%s, which is the name of the files of %s: choose another customSymbolicLinkName",
					c.Store, name, other.path)
				break
			}
			dot := strings.LastIndexByte(name, '.')
			if dot < 0 || name[:dot] == c.FileName() && name == c.LinkName+name[dot:] || !isVersionName(name[dot+1:]) {
				continue // the suffix of the format is never a version: see secretPath
			}
			if other, taken = t.files[storeName{c.Store, name[:dot]}]; taken {
				v.fail(c.path, "", "writes %s/%s, which can become the file of a version of %s: choose another customSymbolicLinkName",
					c.Store, name, other.FileName())
				break
			}
		}
	}
}

// maxPodStores bounds the volumes of a pod, and with them the mounts in each of its containers.
const maxPodStores = 32

// checkNesting reports stores that are inside another store, and too many stores.
func (v *validator) checkNesting(t *linkTable) {
	first := make(map[string]string) // the path of the first entry of each store
	var stores []string
	for _, c := range t.claims {
		if first[c.Store] == "" {
			first[c.Store] = c.path
			stores = append(stores, c.Store)
		}
	}
	if v.mode == Pod && len(stores) > maxPodStores {
		v.fail(PathObserved, "", "needs %d stores, and each is a volume: a pod can have at most %d; use the same certificateStoreLocation "+
			"for several certificates", len(stores), maxPodStores)
		return
	}
	// With a slash at the end, the sorted list has a directory directly before everything below it.
	slices.SortFunc(stores, func(a, b string) int { return strings.Compare(a+"/", b+"/") })
	for i := 1; i < len(stores); i++ {
		if Within(stores[i], stores[i-1]) {
			v.fail(first[stores[i]]+".certificateStoreLocation", stores[i], "is inside the store %s of %s: stores cannot be nested",
				stores[i-1], first[stores[i-1]])
			stores[i] = stores[i-1] // so that the next one is compared with the outer store
		}
	}
}
