{{/*
The alerts, changed as the user wants them. Nothing here renders an object.
*/}}

{{/* The rules of a group. Takes a dict of the rules and the values of prometheusRule. */}}
{{- define "operator.rulesOfGroup" -}}
{{- $rules := list -}}
{{- range .rules -}}
{{- $change := index $.of.alerts .alert | default dict -}}
{{- if ne (toString $change.enabled) "false" -}}
{{- $rule := set . "labels" (mergeOverwrite (dict) .labels $.of.ruleLabels (pick $change "severity")) -}}
{{- with $change.for -}}{{- $_ := set $rule "for" . -}}{{- end -}}
{{- if hasKey $change "threshold" -}}
{{- if not (regexMatch "[0-9.]+\\s*$" .expr) -}}{{- fail (printf "prometheusRule.alerts: %s has no threshold" .alert) -}}{{- end -}}
{{- $_ := set $rule "expr" (regexReplaceAll "[0-9.]+\\s*$" .expr (toString $change.threshold)) -}}
{{- end -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end -}}
