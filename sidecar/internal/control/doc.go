// Package control has the commands that talk to the running process over its socket, and what the
// process serves for them:
//
//	probe   whether the process is ready, or its loop runs
//	status  the state of every certificate
//	sync    poll now
//
// It guarantees that a command ends, also if the process hangs, and that no output contains a key,
// a token or a password.
package control
