{{/*
The bounds that the program has for durations and hosts, which a pattern of the schema can't tell; tests/deploy/limits.sh holds both together.
Nothing here renders an object.
*/}}

{{/* By value: flag, shortest and longest, in milliseconds. */}}
{{- define "operator.durations" -}}
leaseDuration: {flag: lease-duration, least: 3000, most: 3600000, says: from 3s to 1h}
requestTimeout: {flag: request-timeout, least: 100, most: 120000, says: from 100ms to 2m}
resyncInterval: {flag: resync-interval, least: 100, most: 86400000, says: from 100ms to 24h}
secretPollInterval: {flag: secret-poll-interval, least: 100, most: 86400000, says: from 100ms to 24h}
settleTime: {flag: settle-time, least: 5000, most: 3600000, says: from 5s to 1h}
stallAfter: {flag: stall-after, least: 1000, most: 86400000, says: from 1s to 24h}
{{- end -}}

{{/* A duration such as 1h30m in milliseconds. */}}
{{- define "operator.milliseconds" -}}
{{- $sum := 0.0 -}}
{{- range $unit, $factor := dict "[0-9]+h" 3600000 "[0-9]+m([0-9]|$)" 60000 "[0-9]+s" 1000 "[0-9]+ms" 1 -}}
{{- $sum = addf $sum (mulf (regexFind "[0-9]+" (regexFind $unit $) | default "0" | float64) $factor) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{- define "operator.checkDurations" -}}
{{- $all := dict "requestTimeout" 15000.0 "settleTime" 30000.0 -}}
{{- range $name, $bound := include "operator.durations" . | fromYaml -}}
{{- $text := index $.Values $name -}}
{{- range $.Values.extraArgs -}}
{{- if hasPrefix (printf "--%s=" $bound.flag) . -}}{{- $text = trimPrefix (printf "--%s=" $bound.flag) . -}}{{- end -}}
{{- end -}}
{{- with $text -}}
{{- $time := include "operator.milliseconds" . | float64 -}}
{{- if or (lt $time (float64 $bound.least)) (gt $time (float64 $bound.most)) -}}
{{- fail (printf "%s is %s: it must be %s" $name . $bound.says) -}}
{{- end -}}
{{- $_ := set $all $name $time -}}
{{- end -}}
{{- end -}}
{{- if lt $all.settleTime (addf $all.requestTimeout 5000) -}}
{{- fail "settleTime must be at least 5s longer than requestTimeout" -}}
{{- end -}}
{{- with $all.leaseDuration -}}
{{- if mod (int64 .) 1000 -}}{{- fail "leaseDuration must be whole seconds" -}}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "operator.checkEndpoints" -}}
{{- range .Values.allowedEndpoints -}}
{{- if gt (len (regexReplaceAll "^[A-Za-z]+://|(:[0-9]+)?/?$" . "")) 253 -}}
{{- fail (printf "allowedEndpoints: a host has at most 253 characters, not as many as %s" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
