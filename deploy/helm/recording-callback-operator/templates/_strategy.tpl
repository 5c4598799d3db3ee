{{/*
How the Deployment goes from one pod to the next. Nothing here renders an object.
*/}}

{{/*
How pods are replaced, said in full: what the API server fills in belongs to nobody, and whoever applies on the server (Helm 4, Argo CD, Flux)
can't take it away again for `Recreate`. On the node's network a new pod has no port before an old one has gone.
*/}}
{{- define "operator.strategy" -}}
{{- $rolling := ternary (dict "maxSurge" 0 "maxUnavailable" 1) (dict "maxSurge" "25%" "maxUnavailable" "25%") .Values.hostNetwork -}}
{{- $strategy := mergeOverwrite (dict "type" "RollingUpdate" "rollingUpdate" $rolling) .Values.strategy -}}
{{- if eq $strategy.type "Recreate" }}{{ $strategy = omit $strategy "rollingUpdate" }}{{ end -}}
{{- toYaml $strategy -}}
{{- end -}}
