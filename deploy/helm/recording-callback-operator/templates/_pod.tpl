{{/*
The operator's pod, which the Deployment and the test of the release have in common: what it may do, and where it runs. Nothing here
renders an object.
*/}}

{{/* Whether a CA bundle of the user's is mounted; empty when not. */}}
{{- define "operator.caMounted" -}}
{{- with .Values.caBundle }}{{ or .configMap .secret }}{{ end -}}
{{- end -}}

{{/* Field: value, for each of a list of fields of a pod that is set. */}}
{{- define "operator.fields" -}}
{{- range $field, $value := . }}
{{- with $value }}
{{ $field }}: {{- if kindIs "string" . }} {{ toYaml . }}{{ else }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* All of the pod's spec but its containers and its spread. */}}
{{- define "operator.podSettings" -}}
{{- $global := .Values.global | default dict -}}
serviceAccountName: {{ include "operator.serviceAccountName" . | toYaml }}
automountServiceAccountToken: {{ .Values.automountServiceAccountToken }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
securityContext:
  {{- include "operator.podSecurityContext" . | nindent 2 }}
{{- if .Values.hostNetwork }}
hostNetwork: true
{{- end }}
{{- if not .Values.hostUsers }}
hostUsers: false
{{- end }}
{{- include "operator.fields" (dict
  "imagePullSecrets" (include "operator.imagePullSecrets" . | fromYamlArray)
  "volumes" (include "operator.volumes" . | fromYamlArray)
  "nodeSelector" (mergeOverwrite (dict) ($global.nodeSelector | default dict) (.Values.nodeSelector | default dict))
  "tolerations" (.Values.tolerations | default $global.tolerations)
  "affinity" .Values.affinity
  "priorityClassName" (.Values.priorityClassName | default $global.priorityClassName)
  "runtimeClassName" .Values.runtimeClassName
  "schedulerName" .Values.schedulerName
  "hostAliases" .Values.hostAliases
  "dnsPolicy" (.Values.dnsPolicy | default (ternary "ClusterFirstWithHostNet" "" .Values.hostNetwork))
  "dnsConfig" .Values.dnsConfig) }}
{{- end -}}

{{- define "operator.podSecurityContext" -}}
{{- $context := dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- if not .Values.openshift -}}
{{- range $field, $value := pick (.Values.securityContext | default dict) "runAsUser" "runAsGroup" -}}
{{- with $value }}{{ $_ := set $context $field (int64 .) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- mergeOverwrite (dict) $context .Values.podSecurityContext | toYaml -}}
{{- end -}}

{{/* Those of the release and of an umbrella chart, where some write names, some objects; each once. */}}
{{- define "operator.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.imagePullSecrets ((.Values.global).imagePullSecrets | default list) -}}
{{- $names = append $names (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- uniq $names | toYaml -}}
{{- end -}}

{{- define "operator.volumes" -}}
{{- $volumes := list -}}
{{- with .Values.caBundle -}}
{{- if .configMap -}}{{- $volumes = append $volumes (dict "name" "ca-bundle" "configMap" (dict "name" .configMap)) -}}{{- end -}}
{{- if .secret -}}{{- $volumes = append $volumes (dict "name" "ca-bundle" "secret" (dict "secretName" .secret)) -}}{{- end -}}
{{- end -}}
{{- concat $volumes .Values.extraVolumes | toYaml -}}
{{- end -}}
