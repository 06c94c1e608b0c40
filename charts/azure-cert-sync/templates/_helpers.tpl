{{- define "azure-cert-sync.name" -}}azure-cert-sync-webhook{{- end }}

{{- /*
The metadata of an object, from a dict: root; clusterScoped, suffix of the name, namespace, labels and
annotations of this object alone are optional.
*/ -}}
{{- define "azure-cert-sync.metadata" -}}
{{- $metadata := dict "name" (print (include "azure-cert-sync.name" .root) (.suffix | default "")) "labels" (merge (dict) (.labels | default dict) (include "azure-cert-sync.labels" .root | fromYaml)) }}
{{- if not .clusterScoped }}
{{- $_ := set $metadata "namespace" (.namespace | default .root.Release.Namespace) }}
{{- end }}
{{- with merge (dict) (.annotations | default dict) (.root.Values.commonAnnotations | default dict) }}
{{- $_ := set $metadata "annotations" . }}
{{- end }}
{{- toYaml $metadata }}
{{- end }}

{{- define "azure-cert-sync.labels" -}}
{{- $own := merge (include "azure-cert-sync.selectorLabels" . | fromYaml) (dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service) }}
{{- merge $own (.Values.commonLabels | default dict) | toYaml }}
{{- end }}

{{- define "azure-cert-sync.selectorLabels" -}}
{{- dict "app.kubernetes.io/name" "azure-cert-sync" "app.kubernetes.io/component" "webhook" "app.kubernetes.io/instance" .Release.Name | toYaml }}
{{- end }}

{{- /* A value as text: whole numbers without an exponent, and null as nothing. */ -}}
{{- define "azure-cert-sync.text" -}}
{{- if kindIs "string" . }}{{ . }}{{ else if not (kindIs "invalid" .) }}{{ toJson . }}{{ end }}
{{- end }}

{{- /* The reference of an image: (list $ "webhook") or (list $ "sidecar"). */ -}}
{{- define "azure-cert-sync.image" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $values := index $root.Values $name -}}
{{- $reference := printf "%s/%s:%s" $root.Values.image.registry $name (include "azure-cert-sync.text" ($root.Values.image.tag | default $root.Chart.AppVersion)) -}}
{{- with $values.digest }}
{{- $reference = print $reference "@" . }}
{{- end -}}
{{ $values.image | default $reference }}
{{- end }}

{{- define "azure-cert-sync.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "azure-cert-sync.name" .) }}
{{- end }}

{{- /*
The Secret with the serving certificate. Each source has its own, because the Secret of the previous
source exists until the new one is in use, with another owner and another type.
*/ -}}
{{- define "azure-cert-sync.tlsSecret" -}}
{{- if eq .Values.webhook.tls.source "self" -}}
{{ include "azure-cert-sync.name" . }}-tls
{{- else if eq .Values.webhook.tls.source "cert-manager" -}}
{{ include "azure-cert-sync.name" . }}-cert-manager-tls
{{- else -}}
{{ .Values.webhook.tls.secretName }}
{{- end }}
{{- end }}

{{- /* The PEM files of the ConfigMap, by the directory in which the webhook gets each as ca.crt. */ -}}
{{- define "azure-cert-sync.cas" -}}
{{- $tls := .Values.webhook.tls }}
{{- $cas := dict "extra-ca" .Values.sidecar.extraCA "token-endpoint-ca" .Values.identity.tokenEndpoint.ca "client-ca" $tls.clientCA }}
{{- if eq $tls.source "secret" }}
{{- $_ := set $cas "tls-ca" $tls.caBundle }}
{{- end }}
{{- range $name, $pem := $cas }}
{{- with $pem }}
{{ $name }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Volumes with files for the webhook: each is mounted at /etc/azure-cert-sync/<name>. */ -}}
{{- define "azure-cert-sync.files" -}}
{{- range $name, $_ := include "azure-cert-sync.cas" . | fromYaml }}
- name: {{ $name }}
  configMap:
    name: {{ include "azure-cert-sync.name" $ }}-ca
    items: [{key: {{ $name }}.crt, path: ca.crt}]
{{- end }}
{{- if ne .Values.webhook.tls.source "self" }}
- name: tls
  secret:
    secretName: {{ include "azure-cert-sync.tlsSecret" . | quote }}
{{- end }}
{{- end }}
