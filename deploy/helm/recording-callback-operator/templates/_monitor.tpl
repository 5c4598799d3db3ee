{{/*
What ServiceMonitor and PodMonitor have in common. Nothing here renders an object.
*/}}

{{/* Metadata and, where it lies in another namespace, where to look for the pods. Takes a dict of root and the monitor's values. */}}
{{- define "operator.monitorMetadata" -}}
name: {{ include "operator.fullname" .root }}
namespace: {{ .of.namespace | default (include "operator.namespace" .root) }}
{{ include "operator.metadata" (dict "root" .root "labels" .of.labels "annotations" .of.annotations) }}
{{- end -}}

{{- define "operator.monitorNamespace" -}}
{{- if .of.namespace }}
namespaceSelector:
  matchNames: [{{ include "operator.namespace" .root }}]
{{- end }}
{{- end -}}

{{/* The one endpoint, as an item of a list. */}}
{{- define "operator.monitorEndpoint" -}}
- port: metrics
  {{- with .interval }}
  interval: {{ . }}
  {{- end }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- with .honorLabels }}
  honorLabels: {{ . }}
  {{- end }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
