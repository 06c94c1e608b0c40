// Package rig runs the two programs the way a cluster runs them, for the programs that measure,
// attack and disturb them: the webhook against the API server of a real node, the sidecar against
// an emulated Azure in a sandbox, each in a cgroup with limits if asked for. It also makes the
// requests that cost the webhook much.
//
// It guarantees that nothing stays behind: programs end with the process that started them, and
// namespaces with both. What a killed run leaves of nodes and cgroups, the next run removes.
//
// It needs Linux and root.
package rig
