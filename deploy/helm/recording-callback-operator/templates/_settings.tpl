{{/*
What the operator is told by arguments: each setting once. Nothing here renders an object.
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

{{/* By flag: what extraArgs and extraEnv set. Null where it is read from elsewhere when the pod starts. */}}
{{- define "operator.extraSettings" -}}
{{- $all := dict -}}
{{- range .Values.extraEnv -}}
{{- if eq .name (upper .name) -}}
{{- $_ := set $all (.name | lower | replace "_" "-") (hasKey . "valueFrom" | ternary nil (.value | default "")) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraArgs -}}
{{- $flag := . | trimPrefix "--" | splitList "=" | first -}}
{{- $_ := set $all $flag (contains "=" . | ternary (trimPrefix (printf "--%s=" $flag) .) "true") -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* The arguments, as a list; a value that is empty leaves the flag to the program's own default. */}}
{{- define "operator.arguments" -}}
- {{ printf "--lease-name=%s" (include "operator.fullname" .) | quote }}
{{- if ne (int .Values.listenPort) 8080 }}
- {{ printf "--listen=:%d" (int .Values.listenPort) | quote }}
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
