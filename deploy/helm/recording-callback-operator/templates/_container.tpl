{{/*
The operator's container, which the Deployment and the test of the release have in common. Nothing here renders an object.
*/}}

{{- define "operator.image" -}}
{{- with .Values.image -}}
{{- if not .repository -}}
{{- fail "image.repository is not set: no public registry holds this image. Build it and push it to a registry that your nodes can pull from: make image REPOSITORY=registry.example.com/recording-callback-operator. Then name it: --set image.repository=registry.example.com/recording-callback-operator" -}}
{{- end -}}
{{- $registry := .registry | default ($.Values.global).imageRegistry -}}
{{- $name := .repository -}}
{{- if and $registry (not (regexMatch "^([^/]*[.:][^/]*|localhost)/" $name)) -}}{{- $name = print (trimSuffix "/" $registry) "/" $name -}}{{- end -}}
{{- if not (regexMatch "^([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*$" $name) -}}
{{- fail (printf "image: %s is no name of an image: a registry without https://, then a path in small letters; the tag is image.tag" $name) -}}
{{- end -}}
{{- $name -}}
{{- if .digest -}}@{{ .digest }}{{- else -}}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* What every container of the release may not. */}}
{{- define "operator.containerSecurityContext" -}}
{{- $context := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- mergeOverwrite (dict) $context .Values.containerSecurityContext | toYaml -}}
{{- end -}}

{{/* The container, as a map without the list's dash. */}}
{{- define "operator.container" -}}
name: operator
image: {{ include "operator.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - run
  {{- include "operator.arguments" . | nindent 2 }}
env:
  {{- include "operator.environment" . | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: metrics
    containerPort: {{ int .Values.listenPort }}
    protocol: TCP
{{- include "operator.probes" . }}
{{- with .Values.lifecycle }}
lifecycle:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "operator.containerSecurityContext" . | nindent 2 }}
{{- if or (include "operator.caMounted" .) .Values.extraVolumeMounts }}
volumeMounts:
  {{- if include "operator.caMounted" . }}
  - name: ca-bundle
    mountPath: /etc/recording-callback-operator/ca
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}
