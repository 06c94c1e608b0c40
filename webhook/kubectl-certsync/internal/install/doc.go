// Package install finds the installed webhook and reads its configuration: from the
// MutatingWebhookConfiguration, and from the flags of its Deployment.
//
// The names of the flags are those of package main of the webhook. A test compares them with the
// flags that the chart sets.
package install
