package main

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// injectOptions maps the flags to the options of package inject.
func (o *options) injectOptions() *inject.Options {
	env := make([]corev1.EnvVar, len(o.sidecarEnv))
	for i, e := range o.sidecarEnv {
		env[i] = corev1.EnvVar{Name: e.key, Value: e.value}
	}
	return &inject.Options{
		InjectIdentity:   o.injection == injectAlways,
		Audience:         o.tokenAudience,
		AuthorityHost:    o.authorityHost,
		LegacyPath:       o.legacyTokenPath,
		Mark:             o.reportUninjected,
		TokenEndpoint:    o.endpoint.tokenEndpoint(),
		Image:            o.sidecarImage,
		ImagePullPolicy:  corev1.PullPolicy(o.pullPolicy),
		ImagePullSecrets: o.pullSecrets,
		StartAfter:       o.startAfter,
		Env:              env,
		ExtraCA:          o.extraCA,
		AllowedVaults:    o.allowedVaults,
	}
}

// tokenEndpoint returns nil without a custom token endpoint.
func (e *endpointFlags) tokenEndpoint() *inject.TokenEndpoint {
	if e.proxy == "" {
		return nil
	}
	t := &inject.TokenEndpoint{
		Audience: e.audience, Proxy: e.proxy, SNIName: e.sniName, CAData: e.caData,
		CAConfigMap: e.caConfigMap, CASignerName: e.caSigner,
	}
	if e.caSelector != "" {
		// check has validated the selector.
		t.CALabelSelector, _ = metav1.ParseToLabelSelector(e.caSelector)
	}
	return t
}
