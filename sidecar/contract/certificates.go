package contract

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// certificates checks each entry, and the entries against each other.
func (v *validator) certificates() {
	entries := v.settings.SecretsManagement.ObservedCertificates
	if len(entries) == 0 {
		if v.noCertificates {
			return
		}
		v.fail(PathObserved, "", "is empty: add at least one Key Vault secret URL")
		return
	}
	if len(entries) > MaxEntries {
		v.fail(PathObserved, "", "has %d entries: at most %d are allowed", len(entries), MaxEntries)
		return
	}
	links := newLinkTable()
	for i, entry := range entries {
		path := fmt.Sprintf("%s[%d]", PathObserved, i)
		before := len(v.errs)
		c := v.certificate(path, entry)
		if len(v.errs) > before || c.Store == "" {
			continue // already reported
		}
		if !v.duplicate(path, c, links) {
			v.config.Certificates = append(v.config.Certificates, c)
			v.claimNames(path, c, links)
		}
	}
	v.checkVersionNames(links)
	v.checkNesting(links)
	v.warnUnusedPassword()
}

func (v *validator) certificate(path string, entry ObservedCertificate) Certificate {
	var c Certificate
	v.secretURL(path+".url", entry.URL, &c)
	c.LinkName = c.FileName()
	if v.mode == Windows {
		v.inSystemStore(path, entry, &c)
	} else {
		v.inFiles(path, entry, &c)
	}
	v.entryIdentity(path, entry, &c)
	return c
}

// inFiles checks the settings of an entry for the files of a certificate.
func (v *validator) inFiles(path string, entry ObservedCertificate, c *Certificate) {
	c.Store, c.Formats = v.store, slices.Clone(v.formats)
	if entry.CertificateStoreLocation != "" {
		c.Store = v.storeLocation(path, entry.CertificateStoreLocation)
	}
	if entry.CustomSymbolicLinkName != "" {
		c.LinkName = entry.CustomSymbolicLinkName
		v.linkName(path+".customSymbolicLinkName", entry.CustomSymbolicLinkName)
	}
	c.Mode, c.ACLs = v.entryAccess(v.acls(path+".acls", entry.ACLs))
	if formats := v.formatList(path+".formats", entry.Formats); len(formats) > 0 {
		c.Formats = formats
	}
}

// entryIdentity checks authenticationOverride, clientId and tenantId.
func (v *validator) entryIdentity(path string, entry ObservedCertificate, c *Certificate) {
	override := entry.AuthenticationOverride.MSIClientID
	c.ClientID = cmp.Or(override, entry.ClientID, v.clientID)
	if override != "" {
		v.checkClientID(path+".authenticationOverride.msiClientId", override)
	}
	if entry.ClientID != "" {
		v.checkClientID(path+".clientId", entry.ClientID)
		if override != "" && !strings.EqualFold(override, entry.ClientID) {
			v.fail(path+".clientId", entry.ClientID, "differs from authenticationOverride.msiClientId, which has the same meaning: remove one of them")
		}
	}
	if entry.TenantID == "" {
		return
	}
	if v.config.Credential == CredentialManagedIdentity {
		v.warn(path+".tenantId", "ignored because a managed identity belongs to one tenant")
		return
	}
	c.TenantID = entry.TenantID
	v.checkTenantID(path+".tenantId", entry.TenantID)
}

// warnUnusedPassword warns about a keystore password if no certificate has a keystore.
func (v *validator) warnUnusedPassword() {
	if v.config.KeystorePasswordFile == "" {
		return
	}
	for _, c := range v.config.Certificates {
		if c.HasKeystore() {
			return
		}
	}
	v.warn(PathSecrets+".keystorePasswordFile", "has no effect: no certificate has the format %s or %s", FormatPKCS12, FormatJKS)
}
