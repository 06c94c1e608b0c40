package main

import (
	"context"
	"crypto/tls"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/kube"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/servingcert"
)

// getCertificate is the type of tls.Config.GetCertificate.
type getCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// servingCertificate starts to maintain the webhook's TLS certificate, or to follow the files of a
// certificate that others maintain. It adds a readiness condition and a metric.
func (r *replica) servingCertificate(ctx context.Context) getCertificate {
	get := r.followCertificate(ctx)
	r.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "certsync_webhook_serving_certificate_not_after_timestamp_seconds",
		Help: "When the webhook's TLS certificate expires; 0 while it has no certificate.",
	}, func() float64 {
		c, err := get(nil)
		if err != nil || c.Leaf == nil {
			return 0
		}
		return float64(c.Leaf.NotAfter.Unix())
	}))
	return get
}

func (r *replica) followCertificate(ctx context.Context) getCertificate {
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
	r.ready.require(source.Ready)
	return source.GetCertificate
}
