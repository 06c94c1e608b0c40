// Package bugreport collects what a maintainer needs to find a fault, in one archive.
//
// It guarantees that nothing secret is in the archive. First, objects are copied field by field:
// only known fields are in the copy, and values of environment variables only if they are known to
// be harmless. Second, every file is scrubbed of texts that look like a token, a key or a password.
// Secrets and the content of files are never read.
package bugreport
