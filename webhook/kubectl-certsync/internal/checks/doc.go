// Package checks finds what keeps certificates from the pods of a cluster, before and after the
// installation.
//
// Each check has an ID that never changes its meaning, and an entry in docs/kubectl.md. A check
// that lacks a permission reports that, and does not fail the others. The package reads only: no
// object is created, not even by a dry run.
package checks
