{{/*
What the operator is told by arguments and environment: each setting once. Nothing here renders an object.
*/}}

{{/* The flags of `run`, and the value that each is set by. */}}
{{- define "operator.flags" -}}
allowed-endpoints: allowedEndpoints
ambient-credentials-namespaces: ambientCredentialsNamespaces
check-crd: rbac.clusterRoles
concurrency: concurrency
label-selector: labelSelector
lease-duration: leaseDuration
lease-name: fullnameOverride
lease-namespace: namespaceOverride
listen: listenPort
log-format: logFormat
log-level: logLevel
namespaces: watchNamespaces
read-only: readOnly
request-timeout: requestTimeout
requests-per-minute: requestsPerMinute
resync-interval: resyncInterval
secret-poll-interval: secretPollInterval
settle-time: settleTime
stall-after: stallAfter
{{- end -}}

{{/* The arguments, as a list; a value that is empty leaves the flag to the program's own default. */}}
{{- define "operator.arguments" -}}
- --lease-name={{ include "operator.fullname" . }}
- --lease-namespace={{ include "operator.namespace" . }}
{{- if ne (int .Values.listenPort) 8080 }}
- --listen=:{{ int .Values.listenPort }}
{{- end }}
{{- if not .Values.rbac.clusterRoles }}
- --check-crd=false
{{- end }}
{{- $flags := include "operator.flags" . | fromYaml }}
{{- range $flag, $name := omit $flags "check-crd" "lease-name" "lease-namespace" "listen" }}
{{- with index $.Values $name }}
- {{ printf "--%s=%s" $flag (include "operator.text" .) | quote }}
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* A value as an argument has it: a list with commas, each item once; a number in digits only. */}}
{{- define "operator.text" -}}
{{- if kindIs "slice" . -}}{{ uniq . | join "," }}
{{- else if kindIs "float64" . -}}{{ int64 . }}
{{- else -}}{{ . }}
{{- end -}}
{{- end -}}

{{- define "operator.environment" -}}
{{- $own := list -}}
{{- range $name, $value := include "operator.ownEnvironment" . | fromYaml -}}
{{- $own = append $own (dict "name" $name "value" $value) -}}
{{- end -}}
{{- concat $own .Values.extraEnv | toYaml -}}
{{- end -}}

{{/* The variables that the chart sets, by name. */}}
{{- define "operator.ownEnvironment" -}}
# Freed memory goes back to the node soon, so that the pod's memory is what it uses.
_RJEM_MALLOC_CONF: background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:1000
{{- with .Values.proxy.https }}
HTTPS_PROXY: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.noProxy }}
NO_PROXY: {{ . | quote }}
{{- end }}
{{- if include "operator.caMounted" . }}
SSL_CERT_FILE: /etc/recording-callback-operator/ca/{{ .Values.caBundle.key }}
{{- end }}
{{- end -}}
