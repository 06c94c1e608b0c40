// Package winstore keeps certificates in the certificate stores of Windows, as the Key Vault VM
// extension for Windows does: it implements certsync.Stores. A store is named as in
// contract.Certificate.Store: the location and the name, as in LocalMachine\MY.
//
// It guarantees that:
//   - A certificate appears in the store with its private key, and with the access of accounts to
//     the key, or not at all.
//   - It changes and removes only certificates that it has installed. It recognises them by its
//     mark in their description.
//   - Of each certificate it keeps the current version and the one before it, which it links to the
//     current one, so that Schannel and IIS follow. It removes older versions and their keys.
//   - A certificate that fails keeps what the store has of it, and does not hold back others.
//
// Unlike a store of files, a store of Windows belongs to many programs. So each certificate changes
// alone, and a certificate that the settings no longer name stays.
//
// Only leaf certificates have a private key in the store. Intermediate certificates go to the store
// CA of the same location, and stay there, since others may use them. It never installs a root.
package winstore
