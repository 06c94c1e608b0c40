package explain

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/admission"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
)

// Explanation is what the webhook does with a pod.
type Explanation struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	// Webhook says where the webhook's configuration comes from, Notes what was assumed.
	Webhook string   `json:"webhook"`
	Notes   []string `json:"notes,omitempty"`
	// Ignored is why the webhook does not change the pod, or empty.
	Ignored  string    `json:"ignored,omitempty"`
	Settings []Setting `json:"settings,omitempty"`
	// Denied is why the pod would be denied, or empty.
	Denied   string       `json:"denied,omitempty"`
	Warnings []string     `json:"warnings,omitempty"`
	Sidecar  bool         `json:"sidecar"`
	Patch    inject.Patch `json:"patch,omitempty"`
}

// Setting is one setting in force.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Level is "pod", "service account", "namespace", "chart", "settings" (the settings object) or
	// "default".
	Level string `json:"level"`
}

// sidecarImage is the image in a patch if the installed one is not known.
const sidecarImage = "ghcr.io/azure-cert-sync/sidecar:latest"

// Explainer explains pods.
type Explainer struct {
	Webhook *Webhook
	// Objects are those of a manifest, or nil. Cluster is nil to work offline.
	Objects *Objects
	Cluster *cluster.Client
}

// Explain returns what the webhook does with a pod. The error is about what could not be read.
func (x *Explainer) Explain(ctx context.Context, pod *corev1.Pod) (*Explanation, error) {
	e := &Explanation{Namespace: pod.Namespace, Pod: cmp.Or(pod.Name, pod.GenerateName+"*"), Webhook: x.Webhook.Source}
	if pod.Labels[contract.LabelUse] != "true" {
		e.Ignored = fmt.Sprintf("the pod does not have the label %s: \"true\", so the webhook does not receive it: add the label to the pod, "+
			"or to the template of its controller", contract.LabelUse)
		return e, nil
	}
	r := &reader{objects: x.Objects, cluster: x.Cluster}
	options := x.Webhook.Flags.Options(x.Webhook.Original, x.Webhook.Major, x.Webhook.Minor, sidecarImage)
	config := x.Webhook.Flags.Admission(options)
	config.ServiceAccount, config.Namespace = r.serviceAccount, r.namespace
	if x.Webhook.Flags.ReadsConfigMaps() {
		config.ConfigMap = r.configMap
	}
	result, denied, err := config.DryRun(ctx, pod)
	if err != nil {
		return nil, err
	}
	e.Denied, e.Warnings, e.Sidecar, e.Patch = denied, result.Warnings, result.Sidecar, result.Patch
	if e.Settings, err = settingsOf(ctx, config, pod, options); err != nil {
		return nil, err
	}
	e.Notes = append(append(e.Notes, x.Webhook.Notes...), r.notes...)
	return e, nil
}

// settingsOf returns the settings in force, in the order of the reference.
func settingsOf(ctx context.Context, c *admission.Config, pod *corev1.Pod, o *inject.Options) ([]Setting, error) {
	account := cmp.Or(pod.Spec.ServiceAccountName, "default")
	sources := settings.Sources{Pod: pod.Annotations, Chart: c.Defaults}
	// A missing object is already the reason of the denial.
	sources.ServiceAccount, _ = c.ServiceAccount(ctx, pod.Namespace, account)
	sources.Namespace, _ = c.Namespace(ctx, "", pod.Namespace)

	list := identitySettings(sources, c.TenantID)
	given := map[string]bool{}
	for _, v := range settings.InForce(sources) {
		given[v.Key] = true
		list = append(list, Setting{Name: v.Key, Value: strings.TrimSpace(v.Text), Level: v.Level.String()})
	}
	resolve := settings.Options{AllowedVaults: o.AllowedVaults}
	if name := settings.ConfigMapName(sources); name != "" && c.ConfigMap != nil {
		var err error
		if resolve.ConfigMap, err = c.ConfigMap(ctx, pod.Namespace, name); err != nil {
			return nil, err
		}
	}
	resolved, err := settings.Resolve(sources, resolve)
	if err != nil || resolved.Config == nil {
		return list, nil //nolint:nilerr // the error is the reason of the denial
	}
	return append(list, effective(resolved.Config, given)...), nil
}

func identitySettings(s settings.Sources, defaultTenant string) (list []Setting) {
	add := func(name, value, level string) {
		if value = strings.TrimSpace(value); value != "" {
			list = append(list, Setting{Name: name, Value: value, Level: level})
		}
	}
	short := func(annotation string) string { return strings.TrimPrefix(annotation, contract.IdentityPrefix) }
	add(short(contract.AnnotationClientID), s.ServiceAccount[contract.AnnotationClientID], settings.ServiceAccount.String())
	if tenant := s.ServiceAccount[contract.AnnotationTenantID]; strings.TrimSpace(tenant) != "" {
		add(short(contract.AnnotationTenantID), tenant, settings.ServiceAccount.String())
	} else {
		add(short(contract.AnnotationTenantID), defaultTenant, settings.Chart.String())
	}
	if expiration := s.Pod[contract.AnnotationTokenExpiration]; strings.TrimSpace(expiration) != "" {
		add(short(contract.AnnotationTokenExpiration), expiration, settings.Pod.String())
	} else {
		add(short(contract.AnnotationTokenExpiration), s.ServiceAccount[contract.AnnotationTokenExpiration], settings.ServiceAccount.String())
	}
	add(short(contract.AnnotationSkipContainers), s.Pod[contract.AnnotationSkipContainers], settings.Pod.String())
	add(short(contract.AnnotationInjectProxySidecar), s.Pod[contract.AnnotationInjectProxySidecar], settings.Pod.String())
	return list
}

// effective returns the settings that no annotation sets: from the settings object, or defaults.
func effective(c *contract.Config, given map[string]bool) (list []Setting) {
	add := func(key, value, otherwise string) {
		if given[key] {
			return
		}
		level := "settings"
		if value == otherwise {
			level = "default"
		}
		list = append(list, Setting{Name: key, Value: value, Level: level})
	}
	add(contract.KeyPollingInterval, c.PollingInterval.String(), contract.DefaultPollingInterval.String())
	add(contract.KeyRequireInitial, fmt.Sprint(c.RequireInitialSync), "true")
	add(contract.KeyCredential, c.Credential, contract.CredentialWorkloadIdentity)
	add(contract.KeyLogLevel, strings.ToLower(c.LogLevel.String()), "info")
	add(contract.KeyPort, fmt.Sprint(cmp.Or(c.Port, contract.DefaultPort)), fmt.Sprint(contract.DefaultPort))
	return list
}
