package admission

import (
	"context"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// sample is a request that passes through all of the code, so that the first real one finds types inspected and
// pages in memory: decoding the first pod of a process takes several times as long as the next.
const sample = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"0",
"resource":{"version":"v1","resource":"pods"},"namespace":"warm-up","operation":"CREATE","object":{
"metadata":{"name":"a","labels":{"` + contract.LabelUse + `":"true"},"annotations":{
"` + contract.Prefix + contract.KeyCertificates + `":"https://warm-up.vault.azure.net/secrets/a"}},
"spec":{"containers":[{"name":"a","image":"a","env":[{"name":"A","value":"a"}],"ports":[{"containerPort":80}],
"resources":{"requests":{"cpu":"1"}},"volumeMounts":[{"name":"a","mountPath":"/a"}]}],
"volumes":[{"name":"a","emptyDir":{}}]}}}}`

// WarmUp admits a pod that nobody asked for. What it finds is of no interest, and no metric counts it.
func (h *Handler) WarmUp() {
	c, err := decode([]byte(sample))
	if err != nil {
		return
	}
	config := *h.config
	config.ServiceAccount = func(context.Context, string, string) (map[string]string, error) {
		return map[string]string{contract.AnnotationClientID: "00000000-0000-0000-0000-000000000000"}, nil
	}
	config.Namespace = func(context.Context, string, string) (map[string]string, error) { return nil, nil }
	config.ConfigMap = nil
	r, err := config.mutate(context.Background(), c.pod)
	if err != nil {
		return
	}
	s := new(scratch)
	a, _, err := s.allow(&r)
	if err == nil {
		_, _ = appendReview(nil, c, a)
	}
}
