package main

import (
	"context"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/admission"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/kube"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/uninjected"
)

// admissionConfig starts to follow everything that admission needs from the cluster.
func (r *replica) admissionConfig(ctx context.Context) *admission.Config {
	c := newCluster(r.options, r.log)
	go c.pollVersion(ctx, r.api)
	r.ready.requireClosed("the API server's version has not been read yet", c.versionKnown)
	if c.followOriginal {
		go c.watchOriginal(ctx, r.api)
		r.ready.requireClosed("the webhook has not checked yet whether the Azure Workload Identity webhook is installed", c.originalKnown)
	}
	config := &admission.Config{
		ServiceAccount:      r.annotationLookup(ctx, kube.ServiceAccounts, "service account"),
		Namespace:           r.annotationLookup(ctx, kube.Namespaces, "namespace"),
		Options:             c.injectOptions,
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

// annotationLookup follows the annotations of all objects of one kind, and returns their lookup.
func (r *replica) annotationLookup(ctx context.Context, resource schema.GroupVersionResource, kind string) admission.Annotations {
	cache := annotations.NewCache()
	go kube.Follow(ctx, r.api.MetadataSource(resource, metav1.ListOptions{}, annotations.Strip), cache)
	r.ready.requireClosed(resource.Resource+" have not been listed yet", cache.Synced())
	r.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "certsync_webhook_cached_objects",
		Help:        "Objects whose annotations are in memory, by resource.",
		ConstLabels: prometheus.Labels{"resource": resource.Resource},
	}, func() float64 { return float64(cache.Len()) }))
	read := func(ctx context.Context, namespace, name string) (*metav1.PartialObjectMetadata, error) {
		return r.api.Metadata(ctx, resource, namespace, name)
	}
	return annotations.NewLookup(kind, cache, read).Annotations
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

// findUninjected starts to look for labelled pods that were created without the webhook.
func (r *replica) findUninjected(ctx context.Context, config *admission.Config) {
	finder := uninjected.NewFinder(r.api, config.Uninjected, r.log)
	r.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "certsync_webhook_uninjected_pods",
		Help: "Running pods with the label that match the webhook's selectors but were created without it.",
	}, func() float64 { return float64(finder.Count()) }))
	labelled := metav1.ListOptions{LabelSelector: contract.LabelUse + "=true"}
	go func() {
		// Before the replica is ready, config is incomplete: every pod would seem to be refused.
		if r.ready.wait(ctx) {
			go finder.Run(ctx)
			go kube.Follow(ctx, r.api.WebhookConfiguration(r.options.webhookConfiguration),
				kube.Single[*admissionregistrationv1.MutatingWebhookConfiguration](finder.Observe))
			kube.Follow(ctx, r.api.MetadataSource(kube.Pods, labelled, uninjected.Strip), finder)
		}
	}()
}
