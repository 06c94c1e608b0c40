// Package doctor finds the first broken link between a pod and its certificates:
//
//	label -> webhook -> service account -> token -> Entra ID -> vault -> store
//
// It gathers facts, and then decides on them alone, so that a decision can be tested without a
// cluster. A fix names real values: issuer, subject, audience, client ID and vault.
package doctor
