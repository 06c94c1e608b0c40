// Package cli has the commands of the plugin: flags, output and exit codes. What a command finds
// out is the task of the other packages.
//
// It guarantees that output for programs (-o json, -o yaml) is complete and alone on standard
// output, and that remarks for people are on standard error.
package cli
