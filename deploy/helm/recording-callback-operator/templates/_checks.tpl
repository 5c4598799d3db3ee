{{/*
What the schema can't tell: a setting that is made twice, values that contradict each other, durations out of bounds. Each ends the
rendering with a sentence that names the value to set. Nothing here renders an object.
*/}}

{{- define "operator.checks" -}}
{{- include "operator.checkSettings" . -}}
{{- include "operator.checkDurations" . -}}
{{- include "operator.checkOthers" . -}}
{{- include "operator.checkEndpoints" . -}}
{{- with .Values.caBundle -}}
{{- if and .configMap .secret -}}{{- fail "caBundle.configMap and caBundle.secret are both set: choose one" -}}{{- end -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if not (or (eq (toString .minAvailable) "") (eq (toString .maxUnavailable) "")) -}}
{{- fail "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are both set: choose one" -}}
{{- end -}}
{{- end -}}
{{- if not .Values.rbac.clusterRoles -}}
{{- if not .Values.watchNamespaces -}}
{{- fail "rbac.clusterRoles is false: name the namespaces to serve in watchNamespaces" -}}
{{- end -}}
{{- if .Values.crds.enabled -}}
{{- fail "rbac.clusterRoles is false, so the release has no cluster-wide object: set crds.enabled=false, and have the CRD applied by somebody else" -}}
{{- end -}}
{{- end -}}
{{- include "operator.checkNames" . -}}
{{- end -}}

{{/* An argument or variable that sets what a value of the chart sets, or that is there twice. */}}
{{- define "operator.checkSettings" -}}
{{- $seen := dict -}}
{{- $flags := include "operator.flags" . | fromYaml -}}
{{- range .Values.extraArgs -}}
{{- $flag := . | trimPrefix "--" | splitList "=" | first -}}
{{- if not (or (hasKey $flags $flag) (has $flag (list "context" "kubeconfig" "leader-elect"))) -}}
{{- fail (printf "extraArgs has %s, which the operator does not know" .) -}}
{{- end -}}
{{- include "operator.checkSetting" (dict "root" $ "in" "extraArgs" "name" (print "--" $flag) "flag" $flag "seen" $seen) -}}
{{- end -}}
{{- $own := include "operator.ownEnvironment" . | fromYaml -}}
{{- $by := dict "HTTPS_PROXY" "proxy.https" "NO_PROXY" "proxy.noProxy" "SSL_CERT_FILE" "caBundle" -}}
{{- range .Values.extraEnv -}}
{{- $flag := eq .name (upper .name) | ternary (.name | lower | replace "_" "-") (print "variable " .name) -}}
{{- include "operator.checkSetting" (dict "root" $ "in" "extraEnv" "name" .name "flag" $flag "seen" $seen) -}}
{{- if hasKey $own (upper .name) -}}
{{- fail (printf "extraEnv has %s, which the chart sets%s" .name (get $by (upper .name) | empty | ternary " by itself" (print " by " (get $by (upper .name)) ": choose one"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "operator.checkSetting" -}}
{{- $late := list "concurrency" "leaseDuration" "requestTimeout" "secretPollInterval" "settleTime" "stallAfter" -}}
{{- with get (include "operator.flags" .root | fromYaml) .flag -}}
{{- /* Earlier versions of the chart left these to extraArgs. */ -}}
{{- if or (not (has . $late)) (index $.root.Values .) -}}
{{- fail (printf "%s has %s, which the chart sets by the value %s: set that" $.in $.name .) -}}
{{- end -}}
{{- end -}}
{{- if hasKey .seen .flag -}}
{{- fail (printf "%s has %s, which extraArgs or extraEnv sets already: name it once" .in .name) -}}
{{- end -}}
{{- $_ := set .seen .flag true -}}
{{- end -}}
