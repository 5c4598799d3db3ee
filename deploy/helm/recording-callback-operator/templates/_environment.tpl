{{/*
The environment of the container. Nothing here renders an object.
*/}}

{{- define "operator.environment" -}}
{{- /* The Lease lies where the pod is, also where another tool than Helm has moved both. */ -}}
{{- $own := list (dict "name" "LEASE_NAMESPACE" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace"))) -}}
{{- range $name, $value := include "operator.ownEnvironment" . | fromYaml -}}
{{- $own = append $own (dict "name" $name "value" $value) -}}
{{- end -}}
{{- concat $own .Values.extraEnv | toYaml -}}
{{- end -}}

{{/* The variables whose values the chart sets, by name. */}}
{{- define "operator.ownEnvironment" -}}
# Freed memory goes back to the node at once, and threads keep little of it: the pod's memory is what it uses.
_RJEM_MALLOC_CONF: background_thread:true,dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1,lg_tcache_max:10
{{- if not .Values.rbac.clusterRoles }}
CHECK_CRD: "false"
{{- end }}
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
