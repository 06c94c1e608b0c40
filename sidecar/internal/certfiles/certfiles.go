// Package certfiles converts certificates from Key Vault to the files of a store: it connects
// packages keyvault, bundle and store behind the interfaces that package certsync declares.
//
// It guarantees that:
//   - Only certificates that package bundle has checked get into a store.
//   - Keystores, which take time to encode, are encoded once per process, version and password.
//   - A certificate that cannot be converted fails alone, and keeps its files and who may read
//     them.
//   - Files that turn out to be damaged are replaced at once if their content is at hand.
//
// It decides neither when certificates are fetched nor which version is installed: that is the task
// of package certsync.
package certfiles
