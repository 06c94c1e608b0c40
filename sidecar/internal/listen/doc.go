// Package listen opens the sidecar's ports and serves HTTP on them.
//
// It guarantees that what is meant for the pod's processes does not answer others (PodOnly), and
// that nobody who reaches a port can exhaust the process: the number of connections, their time and
// the size of a request are bounded, and a new connection is always accepted, at the expense of the
// oldest one (Serve).
// It knows nothing of what is served.
package listen
