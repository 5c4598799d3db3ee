# Sourced by check.sh: what each value makes, as the API server holds it. The release of ci/platform-values.yaml is installed once.

platform=(--namespace team-a --values "$chart/ci/platform-values.yaml")
check "a platform's release is installed" \
    helm install platform "$chart" --namespace recording-callback-system --values "$chart/ci/platform-values.yaml"

# held OBJECT JSONPATH TEXT: what the API server holds there.
held() {
    equal "$3" "$(kubectl get "$1" --namespace "${4:-team-a}" --output "jsonpath=$2")"
}
deployment=deployment/platform-callbacks
pod='{.spec.template.spec'
container="$pod.containers[0]"
while IFS='|' read -r value object path text namespace; do
    check "$value" held "$object" "$path" "$text" "$namespace"
done <<EOF
global.imageRegistry|$deployment|$container.image}|mirror.example.com/media/recording-callback-operator:$version
global.imagePullSecrets|$deployment|$pod.imagePullSecrets[*].name}|mirror
global.commonLabels|$deployment|{.metadata.labels.estate}{.spec.template.metadata.labels.estate}|mediamedia
global.nodeSelector|$deployment|$pod.nodeSelector.pool}|system
nameOverride|$deployment|{.spec.selector.matchLabels.app\.kubernetes\.io/name}|callbacks
strategy|$deployment|{.spec.strategy.rollingUpdate.maxUnavailable}|0
revisionHistoryLimit|$deployment|{.spec.revisionHistoryLimit}|3
deploymentAnnotations|$deployment|{.metadata.annotations.reloader\.example\.com/auto}|true
extraContainers|$deployment|$pod.containers[*].name}|operator metrics-proxy
extraInitContainers|$deployment|$pod.initContainers[*].name}|wait
extraObjects, a map|configmap/platform-map|{.data.port}|9443
extraObjects, a text|configmap/platform-text|{.metadata.name}|platform-text
crds.annotations|$crd|{.metadata.annotations.argocd\.argoproj\.io/sync-wave}|-1
rbac.secretNames|clusterrole/team-a:platform-callbacks|{.rules[?(@.resources[0]=="secrets")].resourceNames}|["huaweicloud","hooks"]
serviceAccount.labels|serviceaccount/platform-callbacks|{.metadata.labels.azure\.workload\.identity/use}|true
service.labels|service/platform-callbacks|{.metadata.labels.scrape}|yes
service.port|service/platform-callbacks|{.spec.ports[0].port} {.spec.ports[0].targetPort}|80 metrics
service.type|service/platform-callbacks|{.spec.type}|NodePort
service.ipFamilyPolicy|service/platform-callbacks|{.spec.ipFamilyPolicy} {.spec.ipFamilies[*]}|SingleStack IPv4
podMonitor.namespace|podmonitor/platform-callbacks|{.spec.namespaceSelector.matchNames[*]}|team-a|team-b
podMonitor.interval|podmonitor/platform-callbacks|{.spec.podMetricsEndpoints[0].interval}|1m|team-b
podMonitor.scrapeTimeout|podmonitor/platform-callbacks|{.spec.podMetricsEndpoints[0].scrapeTimeout}|20s|team-b
podMonitor.honorLabels|podmonitor/platform-callbacks|{.spec.podMetricsEndpoints[0].honorLabels}|true|team-b
podMonitor.relabelings|podmonitor/platform-callbacks|{.spec.podMetricsEndpoints[0].relabelings[0].targetLabel}|cluster|team-b
podMonitor.metricRelabelings|podmonitor/platform-callbacks|{.spec.podMetricsEndpoints[0].metricRelabelings[0].action}|drop|team-b
podMonitor.annotations|podmonitor/platform-callbacks|{.metadata.annotations.example\.com/owner}|sre|team-b
prometheusRule.annotations|prometheusrule/platform-callbacks|{.metadata.annotations.example\.com/owner}|sre|team-b
prometheusRule.ruleLabels|prometheusrule/platform-callbacks|{.spec.groups[0].rules[?(@.alert=="RecordingCallbackPanic")].labels}|{"severity":"page","team":"media"}|team-b
prometheusRule.alerts, severity|prometheusrule/platform-callbacks|{.spec.groups[0].rules[?(@.alert=="RecordingCallbackChangesWait")].labels.severity}|info|team-b
prometheusRule.alerts, for|prometheusrule/platform-callbacks|{.spec.groups[0].rules[?(@.alert=="RecordingCallbackChangesWait")].for}|30m|team-b
prometheusRule.alerts, enabled|prometheusrule/platform-callbacks|{.spec.groups[0].rules[?(@.alert=="RecordingCallbackReadOnly")].for}||team-b
prometheusRule.additionalGroups|prometheusrule/platform-callbacks|{.spec.groups[1].rules[0].record}|media:callbacks:sum|team-b
networkPolicy.dnsTo|networkpolicy/platform-callbacks|{.spec.egress[0].to[0].namespaceSelector.matchLabels.kubernetes\.io/metadata\.name}|kube-system
networkPolicy.apiServerTo|networkpolicy/platform-callbacks|{.spec.egress[1].to[0].ipBlock.cidr} {.spec.egress[1].ports[*].port}|192.0.2.10/32 6443
networkPolicy.egressTo|networkpolicy/platform-callbacks|{.spec.egress[2].to[0].ipBlock.cidr} {.spec.egress[2].ports[*].port}|198.51.100.0/24 443
podDisruptionBudget.minAvailable|poddisruptionbudget/platform-callbacks|{.spec.minAvailable}{.spec.maxUnavailable}|50%
podDisruptionBudget.unhealthyPodEvictionPolicy|poddisruptionbudget/platform-callbacks|{.spec.unhealthyPodEvictionPolicy}|IfHealthyBudget
hostUsers|$deployment|$pod.hostUsers}|false
podSecurityContext|$deployment|$pod.securityContext.fsGroup} $pod.securityContext.runAsNonRoot}|65532 true
containerSecurityContext|$deployment|$container.securityContext.seccompProfile.type} $container.securityContext.readOnlyRootFilesystem}|RuntimeDefault true
automountServiceAccountToken|$deployment|$pod.automountServiceAccountToken}|false
livenessProbe|$deployment|$container.livenessProbe.initialDelaySeconds} $container.livenessProbe.periodSeconds} $container.livenessProbe.timeoutSeconds} $container.livenessProbe.failureThreshold}|20 30 6 5
readinessProbe|$deployment|$container.readinessProbe.initialDelaySeconds} $container.readinessProbe.timeoutSeconds} $container.readinessProbe.successThreshold} $container.readinessProbe.periodSeconds} $container.readinessProbe.failureThreshold}|1 10 2 7 4
lifecycle|$deployment|$container.lifecycle.preStop.sleep.seconds}|5
terminationGracePeriodSeconds|$deployment|$pod.terminationGracePeriodSeconds}|30
dnsPolicy|$deployment|$pod.dnsPolicy} $pod.dnsConfig.nameservers[0]}|None 192.0.2.53
hostAliases|$deployment|$pod.hostAliases[0].hostnames[0]}|proxy.example.com
runtimeClassName|$deployment|$pod.runtimeClassName}|gvisor
schedulerName|$deployment|$pod.schedulerName}|platform
EOF
threshold_held() {
    kubectl get prometheusrule/platform-callbacks --namespace team-b --output \
        'jsonpath={.spec.groups[0].rules[?(@.alert=="RecordingCallbackChangesWait")].expr}' | grep 'lane="urgent"}.* > 120$'
}
check "prometheusRule.alerts, threshold" threshold_held
no_hook() {
    template "${platform[@]}" >"$work/platform"
    equal "" "$(grep -F 'helm.sh/hook' "$work/platform")"
}
check "helmTest.enabled: without it nothing is a hook's" no_hook
check "the platform's release is uninstalled" helm uninstall platform --namespace recording-callback-system

# What is set comes before the chart's own, also where it is false or empty.
prevails() {
    template "${image[@]}" --set-json "$1" >"$work/prevails"
    equal "" "$(grep -E "$2" "$work/prevails")"
    grep -E "$3" "$work/prevails"
}
while IFS='|' read -r json gone there; do
    check "prevails: $json" prevails "$json" "$gone" "$there"
done <<'END'
containerSecurityContext={"readOnlyRootFilesystem":false}|readOnlyRootFilesystem: true|readOnlyRootFilesystem: false
containerSecurityContext={"allowPrivilegeEscalation":true}|allowPrivilegeEscalation: false|allowPrivilegeEscalation: true
containerSecurityContext={"capabilities":{"drop":[]}}|- ALL|drop: \[\]
podSecurityContext={"runAsNonRoot":false}|runAsNonRoot: true|runAsNonRoot: false
podSecurityContext={"seccompProfile":{"type":""}}|RuntimeDefault|type: ""
{"serviceMonitor":{"enabled":true,"honorLabels":true,"endpoint":{"honorLabels":false}}}|honorLabels: true|honorLabels: false
{"serviceMonitor":{"enabled":true,"endpoint":{"targetPort":9090}}}|^ {4,6}(- )?port: metrics$|targetPort: 9090
{"podMonitor":{"enabled":true,"endpoint":{"portNumber":9090}}}|^ {4,6}(- )?port: metrics$|portNumber: 9090
{"commonAnnotations":{"owner":"a"},"podAnnotations":{"owner":""},"deploymentAnnotations":{"owner":""},"helmTest":{"enabled":false},"crds":{"enabled":false}}|owner: none|^    owner: ""
{"global":{"nodeSelector":{"pool":"a"}},"nodeSelector":{"pool":""}}|pool: a|pool: ""
{"prometheusRule":{"enabled":true,"ruleLabels":{"severity":""}}}|severity: [a-z]|severity: ""
service={"enabled":false}|^kind: Service$|^kind: Deployment$
livenessProbe={"enabled":false}|livenessProbe:|readinessProbe:
strategy={"rollingUpdate":{"maxSurge":2}}|maxSurge: [^2]|maxUnavailable: 25%
hostNetwork=true|maxSurge: [^0]|maxSurge: 0
{"hostNetwork":true,"strategy":{"type":"Recreate"}}|maxSurge|type: Recreate
END

budget() {
    equal "$1" "$(template "${image[@]}" --show-only templates/poddisruptionbudget.yaml --set-json "podDisruptionBudget=$2" | sed -n 's/^  \(m.*able: .*\)/\1/p')"
}
check "a budget of 1 by default" budget "maxUnavailable: 1" '{}'
check "a budget of none" budget "maxUnavailable: 0" '{"maxUnavailable":0}'
check "a budget by pods that stay" budget "minAvailable: 1" '{"minAvailable":1}'

# OpenShift's restricted-v2 chooses user, group and fsGroup; what is set outside of the namespace's range is refused.
chosen_by_the_platform() {
    template --values "$chart/ci/openshift-values.yaml" "$@" >"$work/openshift"
    equal "" "$(grep -E 'runAsUser|runAsGroup|fsGroup' "$work/openshift")"
    equal 2 "$(grep -c 'runAsNonRoot: true' "$work/openshift")"
    equal 2 "$(grep -A1 'seccompProfile:' "$work/openshift" | grep -c RuntimeDefault)"
}
check "openshift: no user, no group, and all else that restricted-v2 asks for" chosen_by_the_platform
openshift_in_umbrella() {
    either "$1" template media "$umbrella" --set recording.openshift=true,recordingEurope.openshift=true >"$work/openshift"
    equal "" "$(grep -E 'runAsUser|runAsGroup|fsGroup' "$work/openshift")"
}
for version_of_helm in 4 3; do
    check "openshift, in an umbrella chart, Helm $version_of_helm" openshift_in_umbrella $version_of_helm
done

# The network of the node: what Pod Security's restricted profile forbids.
kubectl create namespace nodes >/dev/null
host_network() {
    template "${image[@]}" --set hostNetwork=true,listenPort=9443,namespaceOverride=nodes,crds.enabled=false --skip-tests >"$work/host"
    kubectl apply --dry-run=server --validate=strict -f "$work/host" --output yaml >"$work/held"
    grep -x ' *hostNetwork: true' "$work/held"
    grep -x ' *dnsPolicy: ClusterFirstWithHostNet' "$work/held"
    grep -x " *- containerPort: 9443" "$work/held"
}
check "hostNetwork, with its DNS and port" host_network
# A node has a port once: where each has a replica, the pod of `helm test` would find no place.
test_beside_replicas() {
    template "${image[@]}" --set "hostNetwork=true,listenPort=$1" --show-only templates/tests/readiness.yaml >"$work/host"
    equal "$2" "$(sed -n 's/.*containerPort: //p' "$work/host")"
    grep -F -- "--listen=:$2" "$work/host"
}
check "hostNetwork: helm test has a port of its own" test_beside_replicas 9443 9444
check "hostNetwork: helm test has one beside the last" test_beside_replicas 65535 65534

# With Roles only the release has no cluster-wide object.
namespaced_only() {
    template --values "$chart/ci/roles-values.yaml" >"$work/roles"
    equal "" "$(grep -E '^kind: (Cluster|CustomResource)' "$work/roles")"
    grep -A1 'name: CHECK_CRD' "$work/roles" | grep -F 'value: "false"'
}
check "rbac.clusterRoles: no object without a namespace" namespaced_only
check "a release with Roles only is installed" helm install $operator "$chart" --namespace recording-callback-system --values "$chart/ci/roles-values.yaml"
granted_some="$(all_of "$granted_work" "secrets [] [huaweicloud] [get]")"
check "its rights in a watched namespace" grants $operator team-b "$granted_some"
check "its rights in its own" grants $operator recording-callback-system "$granted_lease"
check "it has none elsewhere" grants $operator default ""
check "it is uninstalled" helm uninstall $operator --namespace recording-callback-system

# Every value is set by some file in ci/, or by a check of its own.
paths_of() {
    mkdir -p "$work/paths/templates"
    echo "{apiVersion: v2, name: paths, version: 0.0.0}" >"$work/paths/Chart.yaml"
    cat >"$work/paths/templates/paths.yaml" <<'END'
{{- define "paths" -}}
{{- range $key, $value := .of }}
- {{ print $.above $key }}
{{- if kindIs "map" $value }}{{ include "paths" (dict "of" $value "above" (print $.above $key ".")) }}{{ end }}
{{- end }}
{{- end -}}
paths: {{ include "paths" (dict "of" .Values "above" "") | indent 2 }}
END
    helm template paths "$work/paths" --values "$1" | sed -n 's/^ *- //p'
}
unset_values() {
    local values
    for values in "$chart"/ci/*.yaml; do paths_of "$values"; done | sort -u >"$work/set"
    awk -f scripts/values-table.awk "$chart/values.yaml" | sed -n 's/^| `\([A-Za-z.]*\)`.*/\1/p' | sort | comm -23 - "$work/set"
}
check "every value is set in ci/" equal "hostNetwork
image.registry
livenessProbe.enabled
podDisruptionBudget.maxUnavailable" "$(unset_values)"
