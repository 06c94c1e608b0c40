package contract

import (
	"fmt"
	"slices"
	"strings"
)

// maxLinkName leaves room for the longest suffix in a file name of 255 bytes (NAME_MAX).
const maxLinkName = 255 - len(".p12")

// suffixes are what the files of a format are called beside the link's name.
var suffixes = map[string]string{
	FormatPEM:    "",
	FormatSplit:  ".d",
	FormatPKCS12: ".p12",
	FormatJKS:    ".jks",
}

// linkName checks customSymbolicLinkName by itself.
func (v *validator) linkName(path, name string) {
	reason := ""
	switch {
	case strings.Contains(name, "/"):
		reason = "one path element is needed, without /"
	case name == "." || strings.HasPrefix(name, ".."):
		reason = "must not be . or begin with .., which the store uses itself"
	case strings.ContainsFunc(name, isControl):
		reason = "control characters are not allowed"
	case len(name) > maxLinkName:
		reason = fmt.Sprintf("%d bytes: at most %d are allowed, so that suffixes fit", len(name), maxLinkName)
	default:
		return
	}
	v.fail(path, name, "%s", reason)
}

// claim is a certificate with the path of its entry.
type claim struct {
	path string
	Certificate
}

// linkTable knows who writes which name in which store.
type linkTable struct {
	claims []claim
	// names are the claims by store and name.
	names map[[2]string]claim
	// files are the first claims by store and Certificate.FileName.
	files map[[2]string]claim
}

func newLinkTable() *linkTable {
	return &linkTable{names: make(map[[2]string]claim), files: make(map[[2]string]claim)}
}

// duplicate tells whether an entry before means exactly the same, which is worth a warning only: the
// annotation with URLs may well repeat one of the settings beside it, and nothing contradicts.
func (v *validator) duplicate(path string, c Certificate, t *linkTable) bool {
	other, taken := t.names[[2]string{c.Store, c.LinkName}]
	if !taken || other.LinkName != c.LinkName || !sameCertificate(other.Certificate, c) {
		return false
	}
	v.warn(path, "says the same as %s and is ignored", other.path)
	return true
}

// sameCertificate compares all but the spelling of the URL.
func sameCertificate(a, b Certificate) bool {
	return a.VaultURL == b.VaultURL && a.VaultName == b.VaultName && a.Name == b.Name && a.Version == b.Version &&
		slices.Equal(a.ACLs, b.ACLs) && slices.Equal(a.Formats, b.Formats) &&
		a.ClientID == b.ClientID && a.TenantID == b.TenantID
}

// claimNames reports names at the top of a store that two entries would write, or one entry twice.
// The files of versions are shared by all entries of one certificate, and are no conflict between them
// as long as they agree on who may read them.
func (v *validator) claimNames(path string, c Certificate, t *linkTable) {
	mine := claim{path: path, Certificate: c}
	names := []string{c.LinkName}
	for _, f := range c.Formats {
		if f != FormatPEM {
			names = append(names, c.LinkName+suffixes[f])
		}
	}
	for _, name := range names {
		key := [2]string{c.Store, name}
		if other, taken := t.names[key]; taken {
			v.fail(path, "", "writes %s/%s, as %s does: %s", c.Store, name, other.path, howToPart(mine, other))
			return
		}
		t.names[key] = mine
	}
	file := [2]string{c.Store, c.FileName()}
	if other, shared := t.files[file]; !shared {
		t.files[file] = mine
	} else if !slices.Equal(other.ACLs, c.ACLs) {
		v.fail(path+".acls", "", "differ from those of %s, whose files are the same: give both entries one list, or a certificateStoreLocation each", other.path)
	}
	t.claims = append(t.claims, mine)
}

// howToPart says what to do about two entries that write one name.
func howToPart(a, b claim) string {
	if a.FileName() == b.FileName() && a.Version == b.Version {
		return "make it one entry"
	}
	return "give one of them another customSymbolicLinkName or certificateStoreLocation"
}

// checkVersionNames reports links that are, or may become, the name of a version's file. Such a name is
// "<vault>.<certificate>.<version>", and neither a vault's nor a certificate's name has a dot.
func (v *validator) checkVersionNames(t *linkTable) {
	for _, c := range t.claims {
		for _, f := range c.Formats {
			name := c.LinkName + suffixes[f]
			other, taken := t.files[[2]string{c.Store, name}]
			if taken && other.FileName() != c.FileName() {
				v.fail(c.path, "", "writes %s/%s, which is the name of the files of %s: choose another customSymbolicLinkName", c.Store, name, other.path)
				break
			}
			dot := strings.LastIndexByte(name, '.')
			if dot < 0 || name[:dot] == c.FileName() && suffixes[f] == name[dot:] || !versionPattern.MatchString(name[dot+1:]) {
				continue // also the suffix of its own format, which is no version: see secretPath
			}
			if other, taken = t.files[[2]string{c.Store, name[:dot]}]; taken {
				v.fail(c.path, "", "writes %s/%s, which may be the file of a version of %s: choose another customSymbolicLinkName", c.Store, name, other.FileName())
				break
			}
		}
	}
}

// checkNesting reports stores within each other.
func (v *validator) checkNesting(t *linkTable) {
	first := make(map[string]string) // by store: the entry that has it
	var stores []string
	for _, c := range t.claims {
		if first[c.Store] == "" {
			first[c.Store] = c.path
			stores = append(stores, c.Store)
		}
	}
	// With a slash at the end, a directory is directly followed by what is below it.
	slices.SortFunc(stores, func(a, b string) int { return strings.Compare(a+"/", b+"/") })
	for i := 1; i < len(stores); i++ {
		if within(stores[i], stores[i-1]) {
			v.fail(first[stores[i]]+".certificateStoreLocation", stores[i], "is within the store %s of %s: stores do not nest", stores[i-1], first[stores[i-1]])
			stores[i] = stores[i-1] // so that its other children are compared with the outer one
		}
	}
}
