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

// certificateSource provides the webhook's TLS certificate.
type certificateSource interface {
	// GetCertificate is a tls.Config.GetCertificate.
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Available returns a channel that is closed once there is a certificate.
	Available() <-chan struct{}
	// Ready returns why the replica must not receive admissions yet, or nil.
	Ready() error
	ObserveConfiguration(*admissionregistrationv1.MutatingWebhookConfiguration)
	Run(context.Context)
}

// servingCertificate starts to maintain the webhook's TLS certificate, or to follow the files of a
// certificate that others maintain. It adds a readiness condition and a metric.
func (r *replica) servingCertificate(ctx context.Context) certificateSource {
	source := r.followCertificate(ctx)
	r.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "certsync_webhook_serving_certificate_not_after_timestamp_seconds",
		Help: "When the webhook's TLS certificate expires; 0 while it has no certificate.",
	}, func() float64 {
		c, err := source.GetCertificate(nil)
		if err != nil || c.Leaf == nil {
			return 0
		}
		return float64(c.Leaf.NotAfter.Unix())
	}))
	return source
}

func (r *replica) followCertificate(ctx context.Context) certificateSource {
	o := r.options
	names := servingcert.Names{
		Namespace: o.namespace, Secret: o.tlsSecret, Service: o.serviceName, Configuration: o.webhookConfiguration,
	}
	var source certificateSource
	if o.tlsCertDir != "" {
		source = servingcert.NewFiles(o.tlsCertDir, o.tlsCA, names, r.api, r.log)
	} else {
		m := servingcert.NewManager(names, r.api, r.log)
		go kube.Follow(ctx, r.api.Secret(o.namespace, o.tlsSecret), kube.Single[*corev1.Secret](m.ObserveSecret))
		source = m
	}
	go kube.Follow(ctx, r.api.WebhookConfiguration(o.webhookConfiguration),
		kube.Single[*admissionregistrationv1.MutatingWebhookConfiguration](source.ObserveConfiguration))
	go source.Run(ctx)
	r.ready.require(source.Ready)
	return source
}
