package inject_test

import (
	"bytes"
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// FuzzPod checks for any pod that the API server could send: it is denied, or the patch applies,
// the patched pod keeps the rules of the API server, references to injected variables resolve, no
// mount collides without a warning, and a second injection changes nothing.
func FuzzPod(f *testing.F) {
	for _, file := range inputs(f) {
		in := readInput(f, file)
		f.Add([]byte(in.Pod), in.Minor, in.Options.InjectIdentity, in.Options.LegacyPath)
	}
	f.Fuzz(func(t *testing.T, raw []byte, minor int, injectIdentity, legacyPath bool) {
		var pod corev1.Pod
		if json.Unmarshal(raw, &pod) != nil || !valid(&pod) {
			return
		}
		raw, err := json.Marshal(&pod) // as the API server encodes it: keys in the right case, without duplicates
		if err != nil {
			return
		}
		in := &input{ServiceAccount: map[string]string{"azure.workload.identity/client-id": clientID}, Options: inject.Options{
			InjectIdentity: injectIdentity, LegacyPath: legacyPath, Mark: minor%2 == 0, Native: inject.NativeSupportOf(1, minor),
			Image: "certsync:1", StartAfter: []string{"istio-init", "istio-proxy"}, ImagePullSecrets: []string{"regcred"},
		}}
		if minor%2 == 0 { // the metadata endpoint without the address, and OpenShift
			in.Namespace = map[string]string{
				"pod-security.kubernetes.io/enforce": "restricted", "openshift.io/sa.scc.uid-range": "1000680000/10000",
			}
		}
		r, err := in.run(decode(t, raw))
		if err != nil {
			isDenial(t, err)
			return
		}
		after := patched(t, raw, r)
		checkValid(t, decode(t, after))
		checkReferences(t, in, &pod, decode(t, after))
		checkMounts(t, in, decode(t, after), r)
		second, err := in.run(decode(t, after))
		if err != nil {
			t.Fatalf("second injection: %v", err)
		}
		if len(second.Patch) > 0 {
			t.Errorf("second injection: %+v", second.Patch)
		}
		if third := patched(t, after, second); !bytes.Equal(third, after) {
			t.Errorf("second injection changed the pod")
		}
	})
}

// valid reports whether a pod keeps the rules of the API server that checkValid checks.
func valid(pod *corev1.Pod) bool {
	var r recorder
	checkValid(&r, pod)
	return !r.failed && len(pod.Spec.Containers) > 0
}

// recorder is a testing.TB that records a failure instead of reporting it.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }
