package inject

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// compareToken warns where a token that the pod already mounts is not the one that it needs, as in
// a pod that was copied before its annotations changed. The volume may be the pod's own, so it is
// kept.
func (in *injection) compareToken(m *corev1.VolumeMount, file string) {
	v := in.editor.volume(m.Name)
	if v == nil || v.Projected == nil {
		return
	}
	have := tokenOf(v.Projected.Sources)
	var others []string
	if have.Audience != in.audience() {
		others = append(others, fmt.Sprintf("for audience %q instead of %q", have.Audience, in.audience()))
	}
	if seconds := expirationOf(have); seconds != in.identity.Expiration {
		others = append(others, fmt.Sprintf("valid for %d s instead of %d s", seconds, in.identity.Expiration))
	}
	if e := in.tokenEndpoint(); e != nil && !e.hasCA(v.Projected.Sources, path.Clean(m.MountPath), caFile(file)) {
		others = append(others, "without the CA of the custom token endpoint")
	}
	if len(others) > 0 {
		in.warnOnce(fmt.Sprintf("the pod already has volume %s, whose identity token is %s: the volume is kept as it is; "+
			"remove it and its mounts from the manifest, so that the webhook adds the token that the pod needs",
			v.Name, strings.Join(others, ", ")))
	}
}

// tokenOf returns the projection of the identity token, or one without an audience.
func tokenOf(sources []corev1.VolumeProjection) *corev1.ServiceAccountTokenProjection {
	for i := range sources {
		if t := sources[i].ServiceAccountToken; t != nil && path.Base(t.Path) == contract.TokenFileName {
			return t
		}
	}
	return &corev1.ServiceAccountTokenProjection{}
}

// expirationOf returns the lifetime of a token in seconds. The API server has the same default.
func expirationOf(t *corev1.ServiceAccountTokenProjection) int64 {
	if t.ExpirationSeconds == nil {
		return contract.DefaultTokenExpiration
	}
	return *t.ExpirationSeconds
}

// hasCA reports whether a volume that is mounted at a path has the endpoint's CA in a file. An
// endpoint whose CA is not in a file needs none.
func (e *TokenEndpoint) hasCA(sources []corev1.VolumeProjection, mount, file string) bool {
	if e.CAConfigMap == "" && e.CASignerName == "" {
		return true
	}
	for i := range sources {
		if m := sources[i].ConfigMap; m != nil && e.CAConfigMap != "" && m.Name == e.CAConfigMap {
			for _, item := range m.Items {
				if item.Key == caKey && path.Join(mount, item.Path) == file {
					return true
				}
			}
		}
		b := sources[i].ClusterTrustBundle
		if b != nil && e.CASignerName != "" && b.SignerName != nil && *b.SignerName == e.CASignerName &&
			equality.Semantic.DeepEqual(b.LabelSelector, e.CALabelSelector) && path.Join(mount, b.Path) == file {
			return true
		}
	}
	return false
}
