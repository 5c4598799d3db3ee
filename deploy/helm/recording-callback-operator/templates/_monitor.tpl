{{/*
What ServiceMonitor and PodMonitor have in common. Nothing here renders an object.
*/}}

{{/* Metadata and, where it lies in another namespace, where to look for the pods. Takes a dict of root and the monitor's values. */}}
{{- define "operator.monitorMetadata" -}}
name: {{ include "operator.fullname" .root | toYaml }}
namespace: {{ .of.namespace | default (include "operator.namespace" .root) | toYaml }}
{{ include "operator.metadata" (dict "root" .root "labels" .of.labels "annotations" .of.annotations) }}
{{- end -}}

{{- define "operator.monitorNamespace" -}}
{{- if .of.namespace }}
namespaceSelector:
  matchNames: [{{ include "operator.namespace" .root | toYaml }}]
{{- end }}
{{- end -}}

{{/* The one endpoint, as an item of a list. Of two ports a Prometheus takes the one by name, so it is left out where there is another. */}}
{{- define "operator.monitorEndpoint" -}}
{{- $endpoint := or (hasKey .endpoint "targetPort") (hasKey .endpoint "portNumber") | ternary dict (dict "port" "metrics") -}}
{{- range $field := list "interval" "scrapeTimeout" "honorLabels" "relabelings" "metricRelabelings" -}}
{{- with index $ $field }}{{ $_ := set $endpoint $field . }}{{ end -}}
{{- end -}}
- {{ mergeOverwrite (dict) $endpoint .endpoint | toYaml | indent 2 | trim }}
{{- end -}}
