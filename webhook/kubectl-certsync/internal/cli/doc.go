// Package cli has the commands of the plugin: flags, output and exit codes. What a command finds out
// is the task of the other packages.
//
// It guarantees that output for programs (-o json, -o yaml) is complete and goes to standard output,
// and that everything else that a person may want to know goes to standard error.
package cli
