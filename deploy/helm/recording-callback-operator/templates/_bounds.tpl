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
{{- $extra := include "operator.extraSettings" . | fromYaml -}}
{{- range $name, $bound := include "operator.durations" . | fromYaml -}}
{{- $text := index $.Values $name -}}
{{- if hasKey $extra $bound.flag -}}
{{- $text = get $extra $bound.flag -}}
{{- if kindIs "invalid" $text -}}{{- $_ := unset $all $name -}}
{{- else if not (and $text (regexMatch "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$" $text)) -}}
{{- fail (printf "extraArgs or extraEnv: %s is %q: write it as 90s, 1h30m or 500ms" $bound.flag $text) -}}
{{- end -}}
{{- end -}}
{{- with $text -}}
{{- $time := include "operator.milliseconds" . | float64 -}}
{{- if or (lt $time (float64 $bound.least)) (gt $time (float64 $bound.most)) -}}
{{- fail (printf "%s is %s: it must be %s" $name . $bound.says) -}}
{{- end -}}
{{- $_ := set $all $name $time -}}
{{- end -}}
{{- end -}}
{{- /* Either may be unknown. */ -}}
{{- if lt ($all.settleTime | default 1e12) (addf ($all.requestTimeout | default 0.0) 5000) -}}
{{- fail "settleTime must be at least 5s longer than requestTimeout" -}}
{{- end -}}
{{- with $all.leaseDuration -}}
{{- if mod (int64 .) 1000 -}}{{- fail "leaseDuration must be whole seconds" -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/* Those of the other flags that extraArgs and extraEnv may set. */}}
{{- define "operator.checkOthers" -}}
{{- $extra := include "operator.extraSettings" . | fromYaml -}}
{{- with get $extra "concurrency" -}}
{{- if not (regexMatch "^0*([1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-6])$" .) -}}{{- fail (printf "concurrency is %s: it must be from 1 to 256" .) -}}{{- end -}}
{{- end -}}
{{- with get $extra "leader-elect" -}}
{{- if not (has . (list "true" "false")) -}}{{- fail (printf "leader-elect is %s: it must be true or false" .) -}}{{- end -}}
{{- if and (eq . "false") (gt (int $.Values.replicas) 1) -}}{{- fail "leader-elect is false: all replicas would work at once; set replicas to 1" -}}{{- end -}}
{{- end -}}
{{- if regexMatch "[a-z0-9.-]{254,}/" .Values.labelSelector -}}{{- fail "labelSelector: the prefix of a label has at most 253 characters" -}}{{- end -}}
{{- end -}}

{{- define "operator.checkEndpoints" -}}
{{- range .Values.allowedEndpoints -}}
{{- if gt (len (regexReplaceAll "^[A-Za-z]+://|(:[0-9]+)?/?$" . "")) 253 -}}
{{- fail (printf "allowedEndpoints: a host has at most 253 characters, not as many as %s" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
