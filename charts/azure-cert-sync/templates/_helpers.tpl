{{- define "azure-cert-sync.name" -}}azure-cert-sync-webhook{{- end }}

{{- define "azure-cert-sync.labels" -}}
{{ include "azure-cert-sync.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "azure-cert-sync.selectorLabels" -}}
app.kubernetes.io/name: azure-cert-sync
app.kubernetes.io/component: webhook
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The reference of an image: (list $ "webhook") or (list $ "sidecar"). */ -}}
{{- define "azure-cert-sync.image" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $default := printf "%s/%s:%s" $root.Values.image.registry $name ($root.Values.image.tag | default $root.Chart.AppVersion) -}}
{{ index $root.Values $name "image" | default $default }}
{{- end }}

{{- /* Checks of identity.tokenEndpoint that the schema cannot express. */ -}}
{{- define "azure-cert-sync.checkTokenEndpoint" -}}
{{- with .Values.identity.tokenEndpoint }}
{{- if ne (empty .url) (empty .suffix) }}
{{- fail "identity.tokenEndpoint: set both url and suffix, or neither" }}
{{- end }}
{{- if and .url (ne (len (compact (list .ca .caConfigMap .caSigner))) 1) }}
{{- fail "identity.tokenEndpoint: url requires exactly one of ca, caConfigMap and caSigner" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-cert-sync.tlsSecret" -}}
{{- if eq .Values.webhook.tls.source "secret" -}}
{{ required "webhook.tls.source=secret requires webhook.tls.secretName" .Values.webhook.tls.secretName }}
{{- else -}}
azure-cert-sync-webhook-tls
{{- end }}
{{- end }}

{{- /* Volumes with files for the webhook: each is mounted at /etc/azure-cert-sync/<name>. */ -}}
{{- define "azure-cert-sync.files" -}}
{{- if .Values.sidecar.extraCA }}
- name: extra-ca
  configMap:
    name: {{ include "azure-cert-sync.name" . }}-ca
    items: [{key: extra-ca.crt, path: ca.crt}]
{{- end }}
{{- if .Values.identity.tokenEndpoint.ca }}
- name: token-endpoint-ca
  configMap:
    name: {{ include "azure-cert-sync.name" . }}-ca
    items: [{key: token-endpoint-ca.crt, path: ca.crt}]
{{- end }}
{{- if .Values.webhook.tls.clientCA }}
- name: client-ca
  configMap:
    name: {{ include "azure-cert-sync.name" . }}-ca
    items: [{key: client-ca.crt, path: ca.crt}]
{{- end }}
{{- if ne .Values.webhook.tls.source "self" }}
- name: tls
  secret:
    secretName: {{ include "azure-cert-sync.tlsSecret" . }}
{{- end }}
{{- end }}
