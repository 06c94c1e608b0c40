package winstore

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/certsync"
)

// kept is the number of versions of a certificate that stay in the store, as in the extension.
const kept = 2

// update changes a store.
type update struct {
	store  *systemStore
	list   []installed // what the store contains
	result certsync.Committed
}

// change is the desired state of a certificate.
type change struct {
	contract.Certificate
	version string
	// content returns the version's content; nil to keep what is in the store.
	content func() (*bundle.Bundle, error)
}

// apply installs the version if the store does not have it, and then brings its properties and
// those of older versions up to date. It removes something only when all else has succeeded.
func (u *update) apply(c change) error {
	sids, err := lookUp(c.Windows.Accounts)
	if err != nil {
		return err
	}
	in := u.find(c)
	if in == nil && c.content == nil {
		u.result.Missing = append(u.result.Missing, c.LinkName)
		return nil
	}
	if in == nil || c.content != nil && in.Exportable != c.Windows.KeyExportable {
		err = u.install(c, sids)
	} else {
		err = u.refresh(in, c, sids)
	}
	if err == nil {
		err = u.settle(c)
	}
	return err
}

// find returns the version in the store, if its private key can be used.
func (u *update) find(c change) *installed {
	for i, in := range u.list {
		if in.own && in.Certificate == c.FileName() && in.Version == c.version && hasKey(in.context) {
			return &u.list[i]
		}
	}
	return nil
}

// install adds a version to the store, with its private key and its intermediate certificates.
func (u *update) install(c change, sids []string) error {
	b, err := c.content()
	if err != nil {
		return err
	}
	var replaced *installed
	for i, in := range u.list {
		if in.thumbprint != sha1.Sum(b.Leaf.Raw) {
			continue
		}
		if !in.own || in.Certificate != c.FileName() {
			return u.use(in, c)
		}
		replaced = &u.list[i]
	}
	where, _, _ := strings.Cut(c.Store, `\`)
	if err := addIntermediates(b, where); err != nil {
		return err
	}
	leaf, free, err := importKey(b, u.store.place.machine, c.Windows.KeyExportable)
	if err != nil {
		return err
	}
	defer free()
	m := mark{
		Certificate: c.FileName(), Version: c.version, Sequence: newest(u.list, c.FileName()).Sequence + 1,
		Exportable: c.Windows.KeyExportable, Accounts: c.Windows.Accounts,
	}
	if err := u.addLeaf(leaf, m, sids); err != nil {
		return errors.Join(err, deleteKey(leaf))
	}
	if replaced != nil {
		u.deleteUnusedKey(*replaced)
	}
	return u.changed()
}

// use leaves a certificate alone that the store has from somewhere else.
func (u *update) use(in installed, c change) error {
	if !hasKey(in.context) {
		return fmt.Errorf("the certificate with the thumbprint %X is in the store %s without its private key, and certsync did not install it: "+
			"remove it from the store", in.thumbprint, c.Store)
	}
	u.result.Warnings = append(u.result.Warnings, fmt.Sprintf("%s: the certificate with the thumbprint %X was in the store before: "+
		"it is used, and certsync does not change or remove it", c.FileName(), in.thumbprint))
	return nil
}

// addLeaf adds a leaf to the store when its properties and the access to its key are complete.
func (u *update) addLeaf(leaf *windows.CertContext, m mark, sids []string) error {
	if len(sids) > 0 {
		if err := setAccess(leaf, sids); err != nil {
			return fmt.Errorf("accounts: access to the private key cannot be set: %w", err)
		}
	}
	err := errors.Join(setText(leaf, propDescription, m.String()), setText(leaf, propFriendlyName, m.Certificate))
	if err != nil {
		return u.store.error("write", err)
	}
	return u.store.add(leaf)
}

// refresh makes a version that the store has the current one, and updates the access to its key.
func (u *update) refresh(in *installed, c change, sids []string) error {
	m := in.mark
	if top := newest(u.list, in.Certificate).Sequence; m.Sequence < top {
		m.Sequence = top + 1
	}
	if !slices.Equal(m.Accounts, c.Windows.Accounts) {
		if err := setAccess(in.context, sids); err != nil {
			return fmt.Errorf("accounts: access to the private key cannot be set: %w", err)
		}
		m.Accounts = c.Windows.Accounts
	}
	if m.String() == in.String() {
		return nil
	}
	if err := setText(in.context, propDescription, m.String()); err != nil {
		return u.store.error("write", err)
	}
	return u.changed()
}

// settle links the previous version to the current one, and removes versions that are older.
func (u *update) settle(c change) error {
	var versions []installed
	for _, in := range u.list {
		if in.own && in.Certificate == c.FileName() {
			versions = append(versions, in)
		}
	}
	slices.SortFunc(versions, func(a, b installed) int { return newestFirst(a.mark, b.mark) })
	if len(versions) == 0 {
		return nil // the store has the certificate from somewhere else
	}
	changed, err := u.link(versions[:min(len(versions), kept)], c.Windows.LinkOnRenewal)
	if err != nil {
		return err
	}
	for _, in := range versions[min(len(versions), kept):] {
		if err := u.store.remove(in.context); err != nil {
			return err
		}
		u.deleteUnusedKey(in)
		changed = true
	}
	if !changed {
		return nil
	}
	return u.changed()
}

// link sets the renewal property of the previous version, if it is asked for. The current version
// does not have one: it may have been replaced for a while.
func (u *update) link(versions []installed, onRenewal bool) (changed bool, err error) {
	current := versions[0]
	if property(current.context, propRenewal) != nil {
		if err := clearProperty(current.context, propRenewal); err != nil {
			return false, u.store.error("write", err)
		}
		changed = true
	}
	for _, in := range versions[1:] {
		if !onRenewal || bytes.Equal(property(in.context, propRenewal), current.thumbprint[:]) {
			continue
		}
		if err := setProperty(in.context, propRenewal, current.thumbprint[:]); err != nil {
			return false, u.store.error("write", err)
		}
		changed = true
	}
	return changed, nil
}

// deleteUnusedKey deletes the private key of a certificate that is not in the store any more. A
// failure is a warning: the key is not used, but somebody should delete it.
func (u *update) deleteUnusedKey(in installed) {
	at := location(in.context)
	list, err := u.store.list()
	if err == nil {
		defer release(list)
		for _, other := range list {
			if location(other.context) == at {
				return
			}
		}
		err = deleteKey(in.context)
	}
	if err != nil {
		u.result.Warnings = append(u.result.Warnings, fmt.Sprintf("%s: the private key of the removed version %s cannot be deleted: %v",
			in.Certificate, in.Version, err))
	}
}

// changed notes a change and reads the store again. The contexts of the list are free then.
func (u *update) changed() error {
	u.result.Changed = true
	list, err := u.store.list()
	if err != nil {
		return err
	}
	release(u.list)
	u.list = list
	return nil
}
