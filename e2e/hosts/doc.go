// Package hosts tests certsync on machines without Kubernetes: the packages, the service under a
// real systemd, and what docs/hosts.md tells to paste.
//
// A machine is a clean Debian tree with systemd as PID 1, in its own namespaces: it has a network
// with only loopback, where Entra ID, the vaults and the metadata service have their real names and
// addresses. Nothing of it is left when the test ends.
//
// It needs Linux, root, and the Debian packages mmdebstrap and rpm. The first run downloads the
// tree into the cache, which takes a minute.
package hosts
