package cluster

import "fmt"

// Usage returns the shell commands for looking around in the cluster.
func (c *Cluster) Usage() string {
	if c.node == nil {
		return fmt.Sprintf("export KUBECONFIG=%s\n", c.kubeconfig)
	}
	return fmt.Sprintf(`# The cluster is reachable from within its network namespace only. A shell there, with kubectl and helm:
export KUBECONFIG=%s
export PATH=%s:$PATH
nsenter --net=%s -- kubectl get pods --all-namespaces
# Logs of the node's programs:
ls %s
`, c.kubeconfig, c.node.programs.path(), c.node.netns(), c.node.path("log"))
}
