{{- /*
Checks that the schema cannot express, or whose problem it cannot explain: Helm prints of it only
"got number, want string".
*/ -}}
{{- define "azure-cert-sync.check" -}}
{{- include "azure-cert-sync.checkText" . }}
{{- include "azure-cert-sync.checkImageTag" . }}
{{- include "azure-cert-sync.checkDigests" . }}
{{- include "azure-cert-sync.checkPorts" . }}
{{- include "azure-cert-sync.checkAlerts" . }}
{{- include "azure-cert-sync.checkLabels" . }}
{{- include "azure-cert-sync.checkIdentity" . }}
{{- include "azure-cert-sync.checkTLS" . }}
{{- include "azure-cert-sync.checkDisruptions" . }}
{{- end }}

{{- /*
Values whose spelling matters must be strings: YAML reads 0644 as 420, 1.10 as 1.1 and yes as true.
*/ -}}
{{- define "azure-cert-sync.checkText" -}}
{{- $webhook := .Values.webhook }}
{{- $texts := dict "sidecar.env" .Values.sidecar.env
  "sidecar.defaults" (pick (.Values.sidecar.defaults | default dict) "file-mode")
  "commonLabels" .Values.commonLabels "commonAnnotations" .Values.commonAnnotations
  "webhook.annotations" $webhook.annotations
  "serviceAccount.annotations" .Values.serviceAccount.annotations
  "monitoring.labels" .Values.monitoring.labels
  "monitoring.dashboard.labels" .Values.monitoring.dashboard.labels
  "monitoring.dashboard.annotations" .Values.monitoring.dashboard.annotations
  "webhook.podLabels" $webhook.podLabels "webhook.podAnnotations" $webhook.podAnnotations
  "webhook.nodeSelector" $webhook.nodeSelector
  "webhook.namespaceSelector.matchLabels" $webhook.namespaceSelector.matchLabels
  "webhook.objectSelector.matchLabels" $webhook.objectSelector.matchLabels }}
{{- range $path, $values := $texts }}
{{- range $key, $value := $values }}
{{- if not (kindIs "string" $value) }}
{{- $example := ternary "0644" (toJson $value) (eq $key "file-mode") }}
{{- include "azure-cert-sync.unquoted" (list (printf "%s.%s" $path $key) $value $example) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Fails for a value that is not a string: (list path value example). */ -}}
{{- define "azure-cert-sync.unquoted" -}}
{{- $value := index . 1 }}
{{- $kind := ternary "boolean" "number" (kindIs "bool" $value) }}
{{- printf "%s: YAML reads this value as the %s %s, which may differ from what you wrote: put it in quotes, for example %q (on the command line, use --set-string)" (index . 0) $kind (toJson $value) (index . 2) | fail }}
{{- end }}

{{- /*
A whole number of 8 or more digits, such as 20261125, cannot be anything else. A shorter one can: 1.0
is read as 1, and 010 as 8. A number of --set is an int64, and as it is written.
*/ -}}
{{- define "azure-cert-sync.checkImageTag" -}}
{{- $tag := .Values.image.tag }}
{{- with include "azure-cert-sync.text" $tag }}
{{- if not (or (kindIs "string" $tag) (kindIs "int64" $tag) (regexMatch "^[0-9]{8,15}$" .)) }}
{{- include "azure-cert-sync.unquoted" (list "image.tag" $tag "1.10") }}
{{- end }}
{{- if not (regexMatch "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" .) }}
{{- printf "image.tag: %q is not a tag: letters, digits, \"_\", \".\" and \"-\", at most 128; for digests, set webhook.digest and sidecar.digest" . | fail }}
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-cert-sync.checkDigests" -}}
{{- range $name := list "webhook" "sidecar" }}
{{- $values := index $.Values $name }}
{{- if and $values.digest $values.image }}
{{- printf "%s.digest has no effect with %s.image: append it to the image, as <image>@%s" $name $name $values.digest | fail }}
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-cert-sync.checkPorts" -}}
{{- $ports := values .Values.webhook.ports }}
{{- if ne (len $ports) (len (uniq $ports)) }}
{{- fail "webhook.ports: each port needs another number" }}
{{- end }}
{{- end }}

{{- define "azure-cert-sync.checkAlerts" -}}
{{- $names := list }}
{{- range (.Files.Get "files/alerts.yaml" | fromYaml).groups }}
{{- range .rules }}
{{- $names = append $names .alert }}
{{- end }}
{{- end }}
{{- range .Values.monitoring.rules.disabled }}
{{- if not (has . $names) }}
{{- printf "monitoring.rules.disabled: there is no alert %q; the alerts are %s" . (join ", " $names) | fail }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Deployment, Service and Helm find the objects by the chart's own labels. */ -}}
{{- define "azure-cert-sync.checkLabels" -}}
{{- $own := include "azure-cert-sync.labels" (dict "Values" dict "Chart" .Chart "Release" .Release) | fromYaml }}
{{- range $path, $labels := dict "commonLabels" .Values.commonLabels "webhook.podLabels" .Values.webhook.podLabels }}
{{- range $key, $_ := $labels }}
{{- if hasKey $own $key }}
{{- printf "%s: the chart sets the label %s: remove it" $path $key | fail }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-cert-sync.checkIdentity" -}}
{{- with include "azure-cert-sync.text" .Values.identity.tenantId }}
{{- if not (regexMatch "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$" .) }}
{{- printf "identity.tenantId: %q is not a GUID such as 11111111-2222-3333-4444-555555555555: Key Vault identifies the tenant by GUID, so a domain name never matches; \"az account show --query tenantId\" prints it" . | fail }}
{{- end }}
{{- end }}
{{- with .Values.identity.tokenEndpoint }}
{{- if ne (empty .url) (empty .suffix) }}
{{- fail "identity.tokenEndpoint: set both url and suffix, or neither" }}
{{- end }}
{{- if and .url (ne (len (compact (list .ca .caConfigMap .caSigner))) 1) }}
{{- fail "identity.tokenEndpoint: url requires exactly one of ca, caConfigMap and caSigner" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-cert-sync.checkTLS" -}}
{{- if eq .Values.webhook.tls.source "secret" }}
{{- $secret := required "webhook.tls.source=secret requires webhook.tls.secretName" .Values.webhook.tls.secretName }}
{{- range $source := list "self" "cert-manager" }}
{{- if eq $secret (include "azure-cert-sync.tlsSecret" (dict "Values" (dict "webhook" (dict "tls" (dict "source" $source))))) }}
{{- printf "webhook.tls.secretName: %s is the Secret of webhook.tls.source %s, which the chart creates and removes: use another name" $secret $source | fail }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "azure-cert-sync.checkDisruptions" -}}
{{- $budget := .Values.webhook.podDisruptionBudget }}
{{- $replicas := int .Values.webhook.replicas }}
{{- $least := include "azure-cert-sync.text" $budget.minAvailable }}
{{- $most := include "azure-cert-sync.text" $budget.maxUnavailable }}
{{- if and $least $most }}
{{- fail "webhook.podDisruptionBudget: set minAvailable or maxUnavailable, not both" }}
{{- end }}
{{- $available := atoi (trimSuffix "%" $least) }}
{{- if hasSuffix "%" $least }}
{{- $available = int (ceil (divf (mul $available $replicas) 100)) }}
{{- end }}
{{- if and $budget.enabled (gt $replicas 1) (or (ge $available $replicas) (has $most (list "0" "0%"))) }}
{{- printf "webhook.podDisruptionBudget: with %d replicas it allows no disruption, so no node that runs a replica can be drained: lower minAvailable, or raise maxUnavailable or webhook.replicas" $replicas | fail }}
{{- end }}
{{- end }}
