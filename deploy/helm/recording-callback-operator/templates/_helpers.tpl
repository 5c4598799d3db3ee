{{/*
Names, labels and the few decisions that several templates share. Nothing here renders an object.
*/}}

{{/* Name of the release's objects. Helm's release names have 53 characters at most, so cutting at 63 keeps them apart. */}}
{{- define "operator.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $name = contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- end -}}
{{- $name = $name | trunc 63 | trimSuffix "-" -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $name) -}}
{{- fail (printf "%q cannot be the name of a Service (a letter first, then letters, digits and '-'): choose another release name, or set fullnameOverride" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Name of the release's cluster-wide objects: a release of the same name in another namespace has its own. */}}
{{- define "operator.clusterName" -}}
{{ .Release.Namespace }}:{{ include "operator.fullname" . }}
{{- end -}}

{{/* The labels by which Deployment, Service and the like find the pods. They never change. */}}
{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "operator.labels" -}}
{{ include "operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{/*
Labels and annotations of an object. Takes a dict of root and, optionally, the object's own labels and annotations. The
chart's win over the user's: selectors depend on them.
*/}}
{{- define "operator.metadata" -}}
{{- $labels := merge (include "operator.labels" .root | fromYaml) (.labels | default dict) .root.Values.commonLabels -}}
{{- $annotations := merge (dict) (.annotations | default dict) .root.Values.commonAnnotations -}}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "operator.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "operator.image" -}}
{{- with .Values.image -}}
{{- if not .repository -}}
{{- fail "image.repository is not set: no public registry holds this image. Build it and push it to a registry that your nodes can pull from: make image REPOSITORY=registry.example.com/recording-callback-operator. Then name it: --set image.repository=registry.example.com/recording-callback-operator" -}}
{{- end -}}
{{- .repository -}}
{{- if .digest -}}@{{ .digest }}{{- else -}}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}
