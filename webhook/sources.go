package main

import (
	"context"
	"crypto/tls"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/admission"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/kube"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/serviceaccount"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/servingcert"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/uninjected"
)

// admissionConfig starts to follow what admission needs of the cluster.
func (r *replica) admissionConfig(ctx context.Context) *admission.Config {
	c := newCluster(r.options, r.log)
	go c.followVersion(ctx, r.api)
	r.ready.await("the API server's version has not been read yet", c.versionKnown)
	if c.auto {
		go c.followOriginal(ctx, r.api)
		r.ready.await("it is not known yet whether the Azure Workload Identity webhook is installed", c.originalKnown)
	}
	config := &admission.Config{
		ServiceAccount:      r.lookup(ctx, kube.ServiceAccounts, "service account"),
		Namespace:           r.lookup(ctx, kube.Namespaces, "namespace"),
		Options:             c.current,
		Defaults:            r.options.defaultMap(),
		TenantID:            r.options.tenantID,
		TokenEndpointSuffix: r.options.endpoint.suffix,
	}
	if r.options.readConfigMaps {
		config.ConfigMap = r.configMap
	}
	if r.options.reportUninjected {
		r.findUninjected(ctx, config)
	}
	return config
}

// findUninjected starts to look for labelled pods that admission did not see.
func (r *replica) findUninjected(ctx context.Context, config *admission.Config) {
	finder := uninjected.NewFinder(r.api, config.Uninjected, r.log)
	r.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "certsync_webhook_uninjected_pods",
		Help: "Running pods with the label that were created without the webhook, though its selectors mean them.",
	}, func() float64 { return float64(finder.Count()) }))
	labelled := metav1.ListOptions{LabelSelector: contract.LabelUse + "=true"}
	go func() {
		// Judged by half of what there is, every pod would look refused.
		if r.ready.wait(ctx) {
			go finder.Run(ctx)
			go kube.Follow(ctx, r.api.WebhookConfiguration(r.options.webhookConfiguration),
				kube.Single[*admissionregistrationv1.MutatingWebhookConfiguration](finder.Observe))
			kube.Follow(ctx, r.api.MetadataSource(kube.Pods, labelled, uninjected.Strip), finder)
		}
	}()
}

// lookup follows the annotations of all objects of one kind.
func (r *replica) lookup(ctx context.Context, resource schema.GroupVersionResource, kind string) admission.Annotations {
	cache := serviceaccount.NewCache()
	go kube.Follow(ctx, r.api.MetadataSource(resource, metav1.ListOptions{}, serviceaccount.Strip), cache)
	r.ready.await(resource.Resource+" have not been listed yet", cache.Synced())
	r.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "certsync_webhook_cached_objects",
		Help:        "Objects whose annotations are in memory, by resource.",
		ConstLabels: prometheus.Labels{"resource": resource.Resource},
	}, func() float64 { return float64(cache.Len()) }))
	read := func(ctx context.Context, namespace, name string) (*metav1.PartialObjectMetadata, error) {
		return r.api.Metadata(ctx, resource, namespace, name)
	}
	return serviceaccount.NewLookup(kind, cache, read).Annotations
}

// configMap reads settings from a ConfigMap.
func (r *replica) configMap(ctx context.Context, namespace, name string) (*settings.ConfigMap, error) {
	m, err := r.api.ConfigMap(ctx, namespace, name)
	if apierrors.IsNotFound(err) {
		return &settings.ConfigMap{Missing: true}, nil
	}
	if err != nil {
		return nil, err
	}
	return &settings.ConfigMap{Data: m.Data}, nil
}

// getCertificate is that of tls.Config.
type getCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// certificate starts to keep the serving certificate, or to follow the files of one that others keep.
func (r *replica) certificate(ctx context.Context) getCertificate {
	get := r.certificateSource(ctx)
	r.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "certsync_webhook_serving_certificate_not_after_timestamp_seconds",
		Help: "When the webhook's own TLS certificate expires; 0 while there is none.",
	}, func() float64 {
		c, err := get(nil)
		if err != nil || c.Leaf == nil {
			return 0
		}
		return float64(c.Leaf.NotAfter.Unix())
	}))
	return get
}

func (r *replica) certificateSource(ctx context.Context) getCertificate {
	o := r.options
	names := servingcert.Names{
		Namespace: o.namespace, Secret: o.tlsSecret, Service: o.serviceName, Configuration: o.webhookConfiguration,
	}
	var source interface {
		GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
		ObserveConfiguration(*admissionregistrationv1.MutatingWebhookConfiguration)
		Ready() error
		Run(context.Context)
	}
	if o.tlsCertDir != "" {
		source = servingcert.NewFiles(o.tlsCertDir, names, r.log)
	} else {
		m := servingcert.NewManager(names, r.api, r.log)
		go kube.Follow(ctx, r.api.Secret(o.namespace, o.tlsSecret), kube.Single[*corev1.Secret](m.ObserveSecret))
		source = m
	}
	go kube.Follow(ctx, r.api.WebhookConfiguration(o.webhookConfiguration),
		kube.Single[*admissionregistrationv1.MutatingWebhookConfiguration](source.ObserveConfiguration))
	go source.Run(ctx)
	r.ready.check(source.Ready)
	return source.GetCertificate
}
