// Package memo remembers responses to admission requests, because the pods of one ReplicaSet differ
// only in what no decision depends on: the request's uid, times, and the random name of the volume
// that the API server adds for the service account's token.
//
// It guarantees that two requests have the same Key only if they are the same byte for byte, apart
// from such parts. A part is found by the text around it, and whole requests are hashed without it:
// a field that is added to requests or that a decision starts to read is always in the Key. The
// first time that a response is remembered, Request.Check parses the request and verifies that each
// part is where it should be; a request with the same Key then has it at the same place.
//
// It guarantees bounds for the number of responses and their bytes, and fairness: a namespace that
// sends many different pods drops its own responses, not those of others. It remembers nothing
// about a request that was seen only once.
//
// The package does not know what else a decision depends on. Its caller compares that.
package memo
