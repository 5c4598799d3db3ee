{{/*
Names, labels and the few decisions that several templates share. Nothing here renders an object. Where a name is printed, toYaml puts those
into quotes that YAML takes for a number, a bool or null. Where maps are merged, the later comes first: `merge` would pass over what is
false or empty in the first.
*/}}

{{/*
The first line of every template: what is absent or null gets the chart's own default. `helm upgrade --reuse-values` hands over the values
of the release before, which may not have had it, and a parent chart may pass null. Of Kubernetes' own maps null takes
something away, so they stay as they are; of all maps, what is null in them goes. files/ holds a copy of values.yaml, written by `make generate`: Helm does not let it be read.
*/}}
{{- define "operator.defaults" -}}
{{- $defaults := .Files.Get "files/values.yaml" | fromYaml -}}
{{- range $key, $default := omit $defaults "resources" "securityContext" "nodeSelector" "topologySpreadConstraints" -}}
{{- $value := index $.Values $key -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := set $.Values $key $default -}}
{{- else if kindIs "map" $default -}}
{{- range $inner, $of := $default -}}
{{- if kindIs "invalid" (index $value $inner) -}}{{- $_ := set $value $inner $of -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- /* Other charts of an umbrella have the same. */ -}}
{{- with .Values.global }}{{ $_ := set $.Values "global" (deepCopy .) }}{{ end -}}
{{- include "operator.dropNulls" .Values -}}
{{- end -}}

{{/* Takes what is null out of a map, and out of the maps in it. */}}
{{- define "operator.dropNulls" -}}
{{- range $key, $value := . -}}
{{- if kindIs "invalid" $value -}}{{- $_ := unset $ $key -}}
{{- else if kindIs "map" $value -}}{{- include "operator.dropNulls" $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Name of the chart; in an umbrella chart its alias, so that two aliases in one release have pods of their own. */}}
{{- define "operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 58 | trimSuffix "-" -}}
{{- end -}}

{{/*
Name of the release's objects. Helm's release names have 53 characters at most, so cutting at 63 keeps them apart; two long aliases would
be cut to the same.
*/}}
{{- define "operator.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $chart := include "operator.name" . -}}
{{- $name = contains $chart .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $chart) | lower | replace "_" "-" -}}
{{- end -}}
{{- if and (gt (len $name) 63) (not .Chart.IsRoot) -}}
{{- $name = printf "%s-%s" ($name | trunc 54 | trimSuffix "-") ($name | sha256sum | trunc 8) -}}
{{- end -}}
{{- $name = $name | trunc 63 | trimSuffix "-" -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $name) -}}
{{- fail (printf "%q cannot be the name of a Service (a letter first, then letters, digits and '-'): choose another release name, or set fullnameOverride" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "operator.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* Name of the release's cluster-wide objects: a release of the same name in another namespace has its own. */}}
{{- define "operator.clusterName" -}}
{{ include "operator.namespace" . }}:{{ include "operator.fullname" . }}
{{- end -}}

{{- define "operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "operator.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}
