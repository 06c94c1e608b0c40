package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// certificates checks the entries, one by one and against each other.
func (v *validator) certificates() {
	entries := v.settings.SecretsManagement.ObservedCertificates
	if len(entries) == 0 {
		v.fail(pathObserved, "", "no certificate is observed: give at least one Key Vault secret URL")
		return
	}
	links := newLinkTable()
	for i, entry := range entries {
		path := fmt.Sprintf("%s[%d]", pathObserved, i)
		before := len(v.errs)
		c := v.certificate(path, entry)
		if len(v.errs) > before || c.Store == "" {
			continue // what is wrong has been said
		}
		if !v.duplicate(path, c, links) {
			v.config.Certificates = append(v.config.Certificates, c)
			v.claimNames(path, c, links)
		}
	}
	v.checkVersionNames(links)
	v.checkNesting(links)
	v.warnUnused()
}

func (v *validator) certificate(path string, entry ObservedCertificate) Certificate {
	c := Certificate{Store: v.store, Formats: slices.Clone(v.formats)}
	v.secretURL(path+".url", entry.URL, &c)
	if entry.CertificateStoreLocation != "" {
		c.Store = v.storeLocation(path, entry.CertificateStoreLocation)
	}
	c.LinkName = c.FileName()
	if entry.CustomSymbolicLinkName != "" {
		c.LinkName = entry.CustomSymbolicLinkName
		v.linkName(path+".customSymbolicLinkName", entry.CustomSymbolicLinkName)
	}
	c.ACLs = v.acls(path+".acls", entry.ACLs)
	if formats := v.formatList(path+".formats", entry.Formats); len(formats) > 0 {
		c.Formats = formats
	}
	v.entryIdentity(path, entry, &c)
	return c
}

// entryIdentity checks clientId and tenantId.
func (v *validator) entryIdentity(path string, entry ObservedCertificate, c *Certificate) {
	c.ClientID = v.clientID
	if entry.ClientID != "" {
		c.ClientID = entry.ClientID
		v.checkClientID(path+".clientId", entry.ClientID)
	}
	if entry.TenantID == "" {
		return
	}
	if v.config.Credential == CredentialManagedIdentity {
		v.warn(path+".tenantId", "is ignored: a managed identity belongs to one tenant")
		return
	}
	c.TenantID = entry.TenantID
	v.checkTenantID(path+".tenantId", entry.TenantID)
}

// acls returns the ACL entries that hold. In a pod there is no user database, so names say nothing there.
func (v *validator) acls(path string, list []ACL) []ACL {
	if len(list) == 0 {
		return nil
	}
	if enabled := v.settings.SecretsManagement.ACLEnabled; enabled == nil || !*enabled {
		v.warn(path, "ignored, since %s.aclEnabled is not true", pathSecrets)
		return nil
	}
	var kept []ACL
	var names []string
	for i, acl := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if acl == (ACL{}) {
			v.fail(at, "", "names neither a user nor a group")
			continue
		}
		user := v.principal(at+".user", acl.User, &names)
		group := v.principal(at+".group", acl.Group, &names)
		if held := (ACL{User: user, Group: group}); held != (ACL{}) && !slices.Contains(kept, held) {
			kept = append(kept, held)
		}
	}
	if len(names) > 0 {
		v.warn(path, "%s ignored: there is no user database in a pod; give numbers", strings.Join(names, ", "))
	}
	return kept
}

// principal returns a user's or group's name or number where it holds, and adds it to ignored where not.
func (v *validator) principal(path, text string, ignored *[]string) string {
	switch {
	case text == "":
		return ""
	case digits(text):
		id, ok := ParseID(text)
		if !ok {
			v.fail(path, text, "a user or group number is at most 4294967294")
			return ""
		}
		return strconv.FormatUint(uint64(id), 10)
	case strings.ContainsAny(text, ":/\n\x00"):
		v.fail(path, text, "is no name of a user or group")
		return ""
	case v.mode == Pod:
		*ignored = append(*ignored, quote(text))
		return ""
	default:
		return text
	}
}

// ParseID returns the number that a user or group of an ACL is given as; false means that it is a name.
// 4294967295 is no ID: system calls take it for "unchanged".
func ParseID(text string) (uint32, bool) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err == nil && digits(text) && id < 1<<32-1
}

// warnUnused tells about a keystore password that nothing is protected with.
func (v *validator) warnUnused() {
	if v.config.KeystorePasswordFile == "" {
		return
	}
	for _, c := range v.config.Certificates {
		if slices.Contains(c.Formats, FormatPKCS12) || slices.Contains(c.Formats, FormatJKS) {
			return
		}
	}
	v.warn(pathSecrets+".keystorePasswordFile", "has no effect: no certificate has the format pkcs12 or jks")
}
