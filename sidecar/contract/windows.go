package contract

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Locations of certificate stores of Windows. As in the extension, upper and lower case matter.
const (
	LocalMachine = "LocalMachine"
	CurrentUser  = "CurrentUser"
)

const defaultStoreName = "MY"

// WindowsKey are the properties of a certificate in a certificate store of Windows.
//
// Source:
// https://learn.microsoft.com/azure/virtual-machines/extensions/key-vault-windows#extension-schema
type WindowsKey struct {
	// KeyExportable allows administrators to export the private key.
	KeyExportable bool
	// Accounts have read access to the private key, besides SYSTEM and the administrators. The list
	// is sorted and has no duplicates.
	Accounts []string
	// LinkOnRenewal links a renewed certificate to its successor, so that Schannel and IIS use
	// that. It is true by default, as in version 4 of the extension, which always links.
	LinkOnRenewal bool
}

func (k WindowsKey) equal(o WindowsKey) bool {
	return k.KeyExportable == o.KeyExportable && k.LinkOnRenewal == o.LinkOnRenewal && slices.Equal(k.Accounts, o.Accounts)
}

// isSystemStore reports whether a store is a certificate store of Windows: an absolute path begins
// with a slash.
func isSystemStore(store string) bool {
	where, _, found := strings.Cut(store, `\`)
	return found && (where == LocalMachine || where == CurrentUser)
}

// inSystemStore checks the settings of an entry for a certificate in a store of Windows.
func (v *validator) inSystemStore(path string, entry ObservedCertificate, c *Certificate) {
	c.Store = v.store
	if entry.CertificateStoreLocation != "" || entry.CertificateStoreName != "" {
		s := v.settings.SecretsManagement
		c.Store = v.systemStore(path, cmp.Or(entry.CertificateStoreLocation, s.CertificateStoreLocation, LocalMachine),
			cmp.Or(entry.CertificateStoreName, s.CertificateStoreName, defaultStoreName))
	}
	link := v.settings.SecretsManagement.LinkOnRenewal
	c.Windows = WindowsKey{
		KeyExportable: entry.KeyExportable != nil && *entry.KeyExportable,
		LinkOnRenewal: link == nil || *link,
		Accounts:      v.accounts(path+".accounts", entry.Accounts),
	}
	if len(c.Windows.Accounts) > 0 && strings.HasPrefix(c.Store, CurrentUser+`\`) {
		v.warn(path+".accounts", "ignored because the key belongs to the user who runs certsync; use certificateStoreLocation %s", LocalMachine)
		c.Windows.Accounts = nil
	}
}

// systemStore returns the location and name of a store of Windows, or "" if one of them is invalid.
func (v *validator) systemStore(parent, location, name string) string {
	before := len(v.errs)
	if reason := checkSystemLocation(location); reason != "" {
		v.fail(parent+".certificateStoreLocation", location, "%s", reason)
	}
	if reason := checkStoreName(name); reason != "" {
		v.fail(parent+".certificateStoreName", name, "%s", reason)
	}
	if len(v.errs) > before {
		return ""
	}
	return location + `\` + v.storeName(name)
}

// storeName returns the name of a store in the spelling of its first use: Windows ignores the case.
func (v *validator) storeName(name string) string {
	if v.storeNames == nil {
		v.storeNames = map[string]string{strings.ToLower(defaultStoreName): defaultStoreName}
	}
	key := strings.ToLower(name)
	if v.storeNames[key] == "" {
		v.storeNames[key] = name
	}
	return v.storeNames[key]
}

func checkSystemLocation(location string) string {
	switch {
	case location == LocalMachine || location == CurrentUser:
		return ""
	case strings.HasPrefix(location, "/"):
		return "is a directory of Linux: on Windows use " + LocalMachine + " or " + CurrentUser
	default:
		return oneOf(location, []string{LocalMachine, CurrentUser})
	}
}

// maxStoreName is the maximum length of the name of a registry key, in characters.
//
// Source: https://learn.microsoft.com/windows/win32/sysinfo/registry-element-size-limits
const maxStoreName = 255

// trustStores contain certificates to trust or to block. A certificate in them is not for servers.
var trustStores = []string{"Root", "AuthRoot", "Disallowed"}

func checkStoreName(name string) string {
	switch {
	case strings.ContainsAny(name, `\/`):
		return "expected only the name of a store, as in " + defaultStoreName + "; its location is certificateStoreLocation"
	case strings.ContainsFunc(name, isControl), strings.TrimSpace(name) != name:
		return "control characters, and spaces at the beginning or end, are not allowed"
	case len(name) > maxStoreName:
		return "is longer than 255 characters"
	case slices.ContainsFunc(trustStores, func(s string) bool { return strings.EqualFold(s, name) }):
		return "is a store of certificates to trust or to block, and not for certificates with private keys: use " + defaultStoreName
	default:
		return ""
	}
}

// accounts returns the accounts, sorted and without duplicates.
func (v *validator) accounts(path string, list []string) []string {
	accounts := slices.Clone(list)
	for i, account := range accounts {
		if account == "" || strings.ContainsFunc(account, isControl) {
			v.fail(fmt.Sprintf("%s[%d]", path, i), account, "is not the name of an account, as in NETWORK SERVICE or DOMAIN\\user")
		}
	}
	slices.SortFunc(accounts, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(accounts, strings.EqualFold)
}
