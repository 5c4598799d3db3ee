{{/*
How the kubelet asks the container whether it lives and is ready. Nothing here renders an object.
*/}}

{{- define "operator.probes" -}}
{{- range $probe, $path := dict "liveness" "/livez" "readiness" "/readyz" }}
{{- $timing := index $.Values (print $probe "Probe") }}
{{- if $timing.enabled | default (eq $probe "readiness") }}
{{ $probe }}Probe:
  httpGet:
    path: {{ $path }}
    port: metrics
  {{- range $field, $value := omit $timing "enabled" }}
  {{ $field }}: {{ int $value }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}
