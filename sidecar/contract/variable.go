package contract

import "strings"

// MaxVariableBytes is the maximum size of EnvSettings and of EnvExtraCA. The kernel refuses a
// variable of 128 KiB, and the whole pod has to fit into one etcd request.
const MaxVariableBytes = 96 << 10

// EscapeVariable escapes value for the env field of a container, so that the process sees exactly
// value: Kubernetes expands $(NAME) there and turns $$ into $.
//
// Source:
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
func EscapeVariable(value string) string {
	return strings.ReplaceAll(value, "$", "$$")
}
