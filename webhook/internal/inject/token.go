package inject

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// tokenPath is the token's path in its volume, as in Azure Workload Identity v1.6.0.
	tokenPath = "token/" + contract.TokenFileName
	// legacyVolume is the volume that Azure Workload Identity mounted at its legacy path before
	// v1.6.0.
	legacyVolume = "azure-identity-token"
	// caPath is the path of the custom token endpoint's CA in an app's token volume.
	caPath = "ca-cert/ca.crt"
	// caKey is the CA's key in TokenEndpoint.CAConfigMap.
	caKey = "ca.crt"
)

// tokenFile returns the path of the identity token in a volume, or "" if the volume has no token.
func tokenFile(v *corev1.Volume) string {
	if v == nil || v.Projected == nil {
		return ""
	}
	for _, s := range v.Projected.Sources {
		if s.ServiceAccountToken != nil && path.Base(s.ServiceAccountToken.Path) == contract.TokenFileName {
			return s.ServiceAccountToken.Path
		}
	}
	return ""
}

// ensureTokenVolume returns the name of an app's volume that has the token at a path. It adds the
// volume, if possible with the given name, where the pod does not have it.
func (in *injection) ensureTokenVolume(name, at string) string {
	for i := range in.editor.volumes {
		v := &in.editor.volumes[i]
		if (isTokenVolume(v.Name) || v.Name == name) && tokenFile(v) == at {
			return v.Name
		}
	}
	for n := 0; in.editor.volume(name) != nil; n++ {
		name = fmt.Sprintf("%stoken-%d", contract.IdentityVolumePrefix, n) // another volume has the name
	}
	in.editor.addVolumes(corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: in.tokenSources(at, caPath)},
	}})
	return name
}

// isTokenVolume reports whether a volume has a name that is reserved for the identity token.
func isTokenVolume(name string) bool {
	return strings.HasPrefix(name, contract.IdentityVolumePrefix) || name == legacyVolume
}

// identityVolumeName returns the volume name that Azure Workload Identity v1.6.0 uses, so that its
// webhook recognises our volume where both webhooks inject identity.
func identityVolumeName(pod *corev1.Pod) string {
	name := pod.Name
	if name == "" {
		name = pod.GenerateName + " (prefix)"
	}
	const maxName = 63
	sum := sha256.Sum256([]byte(name))
	return contract.IdentityVolumePrefix + hex.EncodeToString(sum[:])[:maxName-len(contract.IdentityVolumePrefix)]
}

// tokenEndpoint returns the custom token endpoint, or nil if the pod does not use it.
func (in *injection) tokenEndpoint() *TokenEndpoint {
	if !in.identity.CustomTokenEndpoint {
		return nil
	}
	return in.options.TokenEndpoint
}

// audience returns the audience of the pod's tokens.
func (in *injection) audience() string {
	if endpoint := in.tokenEndpoint(); endpoint != nil {
		return endpoint.Audience
	}
	if in.options.Audience == "" {
		return contract.DefaultTokenAudience
	}
	return in.options.Audience
}

// tokenSources returns the sources of a projected volume: the token, and the CA of a custom token
// endpoint, each at its path.
func (in *injection) tokenSources(token, ca string) []corev1.VolumeProjection {
	endpoint, no := in.tokenEndpoint(), false
	sources := []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
		Audience: in.audience(), ExpirationSeconds: &in.identity.Expiration, Path: token,
	}}}
	if endpoint == nil {
		return sources
	}
	if endpoint.CAConfigMap != "" {
		sources = append(sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: endpoint.CAConfigMap},
			Items:                []corev1.KeyToPath{{Key: caKey, Path: ca}},
			Optional:             &no, // as in Azure Workload Identity
		}})
	}
	if endpoint.CASignerName != "" {
		sources = append(sources, corev1.VolumeProjection{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{
			SignerName: &endpoint.CASignerName, LabelSelector: endpoint.CALabelSelector, Path: ca, Optional: &no,
		}})
	}
	return sources
}

// identityVariables returns the identity of a container whose token is in a file. Some variables
// may have no value.
func (in *injection) identityVariables(token string) []corev1.EnvVar {
	list := []corev1.EnvVar{
		{Name: contract.EnvClientID, Value: contract.EscapeVariable(in.identity.ClientID)},
		{Name: contract.EnvTenantID, Value: contract.EscapeVariable(in.identity.TenantID)},
		{Name: contract.EnvFederatedTokenFile, Value: contract.EscapeVariable(token)},
		{Name: contract.EnvAuthorityHost, Value: contract.EscapeVariable(in.options.AuthorityHost)},
	}
	endpoint := in.tokenEndpoint()
	if endpoint == nil {
		return list
	}
	ca := ""
	if endpoint.CAConfigMap != "" || endpoint.CASignerName != "" {
		ca = caFile(token)
	}
	return append(list,
		corev1.EnvVar{Name: envTokenProxy, Value: contract.EscapeVariable(endpoint.Proxy)},
		corev1.EnvVar{Name: envSNIName, Value: contract.EscapeVariable(endpoint.SNIName)},
		corev1.EnvVar{Name: envCAFile, Value: contract.EscapeVariable(ca)},
		corev1.EnvVar{Name: envCAData, Value: contract.EscapeVariable(endpoint.CAData)},
	)
}

// caFile returns the path of the CA in the volume of a token file.
func caFile(token string) string {
	if token == contract.TokenFile {
		return path.Join(contract.TokenMountPath, caKey)
	}
	return path.Join(path.Dir(path.Dir(token)), caPath)
}

// Variables of the custom token endpoint, which azidentity reads (EnableAzureProxy).
const (
	envTokenProxy = "AZURE_KUBERNETES_TOKEN_PROXY"
	envSNIName    = "AZURE_KUBERNETES_SNI_NAME"
	envCAFile     = "AZURE_KUBERNETES_CA_FILE"
	envCAData     = "AZURE_KUBERNETES_CA_DATA"
)
