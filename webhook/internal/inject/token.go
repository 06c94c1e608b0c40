package inject

import (
	"path"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// caPath is the path of the custom token endpoint's CA in an app's token volume.
const caPath = "ca-cert/ca.crt"

// caKey is the CA's key in TokenEndpoint.CAConfigMap.
const caKey = "ca.crt"

// tokenEndpoint returns the custom token endpoint if the pod uses it.
func (p *pass) tokenEndpoint() *TokenEndpoint {
	if !p.id.CustomTokenEndpoint {
		return nil
	}
	return p.o.TokenEndpoint
}

// tokenSources returns what a projected volume holds: the token, and the CA of a custom token endpoint.
func (p *pass) tokenSources(token, ca string) []corev1.VolumeProjection {
	audience := p.o.Audience
	if audience == "" {
		audience = contract.DefaultTokenAudience
	}
	endpoint := p.tokenEndpoint()
	if endpoint != nil {
		audience = endpoint.Audience
	}
	sources := []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
		Audience: audience, ExpirationSeconds: &p.id.Expiration, Path: token,
	}}}
	if endpoint == nil {
		return sources
	}
	if endpoint.CAConfigMap != "" {
		sources = append(sources, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: endpoint.CAConfigMap},
			Items:                []corev1.KeyToPath{{Key: caKey, Path: ca}},
		}})
	}
	if endpoint.CASignerName != "" {
		sources = append(sources, corev1.VolumeProjection{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{
			SignerName: &endpoint.CASignerName, LabelSelector: endpoint.CALabelSelector, Path: ca,
		}})
	}
	return sources
}

// variables are the identity of a container whose token is in a file; some may have no value.
func (p *pass) variables(token string) []corev1.EnvVar {
	list := []corev1.EnvVar{
		{Name: contract.EnvClientID, Value: contract.EscapeVariable(p.id.ClientID)},
		{Name: contract.EnvTenantID, Value: contract.EscapeVariable(p.id.TenantID)},
		{Name: contract.EnvFederatedTokenFile, Value: contract.EscapeVariable(token)},
		{Name: contract.EnvAuthorityHost, Value: contract.EscapeVariable(p.o.AuthorityHost)},
	}
	endpoint := p.tokenEndpoint()
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

// caFile returns where the CA is beside a token's file.
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
