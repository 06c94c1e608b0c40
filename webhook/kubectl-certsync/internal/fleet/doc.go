// Package fleet queries the sidecars of many pods.
//
// It guarantees that a pod that does not respond neither delays nor hides the others: it is in the
// result with the reason. The number of queries at a time, and the time of each, are bounded.
package fleet
