{{/*
Names that must be there once: Kubernetes takes the last of two, or refuses them where nobody looks. Nothing here renders an object.
*/}}

{{/* Two things of one name in a list whose items have names. */}}
{{- define "operator.checkNames" -}}
{{- $volumes := list -}}
{{- range include "operator.volumes" . | fromYamlArray -}}{{- $volumes = append $volumes .name -}}{{- end -}}
{{- $containers := list "operator" -}}
{{- range concat .Values.extraContainers .Values.extraInitContainers -}}{{- $containers = append $containers .name -}}{{- end -}}
{{- $ports := list "metrics" (printf "%d/TCP" (int .Values.listenPort)) -}}
{{- range concat .Values.extraContainers .Values.extraInitContainers -}}
{{- range .ports -}}
{{- $ports = concat $ports (list .name (printf "%d/%s" (int .containerPort) (.protocol | default "TCP")) | compact) -}}
{{- end -}}
{{- end -}}
{{- /* In the pod of `helm test`. */ -}}
{{- $init := list "operator" "done" -}}
{{- range .Values.extraInitContainers -}}{{- $init = append $init .name -}}{{- end -}}
{{- $paths := list -}}
{{- if include "operator.caMounted" . -}}{{- $paths = append $paths "/etc/recording-callback-operator/ca" -}}{{- end -}}
{{- range .Values.extraVolumeMounts -}}{{- $paths = append $paths (.mountPath | trimSuffix "/") -}}{{- end -}}
{{- $addresses := list -}}
{{- range .Values.hostAliases -}}{{- $addresses = append $addresses .ip -}}{{- end -}}
{{- $spread := list -}}
{{- range .Values.topologySpreadConstraints -}}{{- $spread = append $spread (print .topologyKey " " .whenUnsatisfiable) -}}{{- end -}}
{{- $groups := list -}}
{{- range concat ((.Files.Get "files/alerts.yaml" | fromYaml).groups | default list) .Values.prometheusRule.additionalGroups -}}
{{- $groups = append $groups .name -}}
{{- end -}}
{{- range $value, $names := dict "extraVolumes" $volumes "extraContainers" $containers "ports of extraContainers" $ports "extraInitContainers" $init "extraVolumeMounts" $paths
  "hostAliases" $addresses "topologySpreadConstraints" $spread "prometheusRule.additionalGroups" $groups -}}
{{- if ne (len $names) (len (uniq $names)) -}}
{{- fail (printf "%s: two have one name, or the chart's: %s" $value (join ", " $names)) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraVolumeMounts -}}
{{- if not (has .name $volumes) -}}{{- fail (printf "extraVolumeMounts: there is no volume %s in extraVolumes" .name) -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/* Two charts of an umbrella whose objects have one name: of a release of its alias' name. Helm hands the same Release to both. */}}
{{- define "operator.checkAlone" -}}
{{- $name := printf "%s/%s" (include "operator.namespace" .) (include "operator.fullname" .) -}}
{{- $taken := .Release.recordingCallbackOperators | default dict -}}
{{- if hasKey $taken $name -}}
{{- fail (printf "two charts of this release are both named %s: set fullnameOverride for one of them" $name) -}}
{{- end -}}
{{- $_ := set .Release "recordingCallbackOperators" (set $taken $name true) -}}
{{- end -}}
