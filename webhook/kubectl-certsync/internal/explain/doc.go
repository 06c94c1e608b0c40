// Package explain computes on the client what the webhook does with a pod: the settings with the
// level that each comes from, the warnings, and the patch.
//
// It uses the webhook's own code, so it never disagrees with a webhook of the same version. What it
// cannot read, it assumes, and the explanation names every assumption.
package explain
