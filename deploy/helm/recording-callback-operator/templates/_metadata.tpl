{{/*
Labels and annotations of the objects. Nothing here renders an object.
*/}}

{{/* The labels by which Deployment, Service and the like find the pods. They never change. */}}
{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . | toYaml }}
app.kubernetes.io/instance: {{ .Release.Name | toYaml }}
{{- end -}}

{{/*
The label by which a ServiceMonitor finds the Service, and commands the Deployment: Argo CD writes the name of its Application over the
instance's, and the name may be an alias.
*/}}
{{- define "operator.ownLabel" -}}
live.huaweicloud.com/operator: {{ include "operator.fullname" . | toYaml }}
{{- end -}}

{{- define "operator.labels" -}}
{{ include "operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* Labels that the user wants on every object. */}}
{{- define "operator.commonLabels" -}}
{{- mergeOverwrite (dict) ((.Values.global).commonLabels | default dict) .Values.commonLabels | toYaml -}}
{{- end -}}

{{/*
Labels and annotations of an object. Takes a dict of root and, optionally, the object's own labels and annotations. The
chart's win over the user's: selectors depend on them.
*/}}
{{- define "operator.metadata" -}}
{{- $common := include "operator.commonLabels" .root | fromYaml -}}
{{- $labels := mergeOverwrite (dict) $common (.labels | default dict) (include "operator.labels" .root | fromYaml) -}}
{{- $annotations := mergeOverwrite (dict) .root.Values.commonAnnotations (.annotations | default dict) -}}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
One of the constraints by which the pods spread, with their selector unless it has one. Each rollout spreads by itself; else the new pods
would avoid the nodes of the old ones. Takes a dict of root and the constraint.
*/}}
{{- define "operator.spread" -}}
{{- $own := dict "labelSelector" (dict "matchLabels" (include "operator.selectorLabels" .root | fromYaml)) "matchLabelKeys" (list "pod-template-hash") -}}
{{- $spread := deepCopy .of -}}
{{- range $field, $value := $own -}}
{{- if not (hasKey $spread $field) }}{{ $_ := set $spread $field $value }}{{ end -}}
{{- end -}}
{{- toYaml $spread -}}
{{- end -}}
